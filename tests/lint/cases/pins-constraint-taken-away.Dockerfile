# expect: WARN pins.unpinned-package 5
# expect: nothing
FROM nvcr.io/nvidia/pytorch:25.06-py3
ENV PIP_CONSTRAINT=""
RUN pip install lightning
