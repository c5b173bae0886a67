# expect: UNKNOWN lint.unreadable 5
# expect: WARN pins.unpinned-package 6
# expect: nothing
FROM python:3.12.4
INCLUDE common.docker
RUN pip install datasets
