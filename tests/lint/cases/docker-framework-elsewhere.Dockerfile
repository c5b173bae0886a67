# expect: nothing of docker.*
FROM nvcr.io/nvidia/pytorch:25.06-py3 AS own
RUN uv venv /opt/venv && uv pip install --python /opt/venv/bin/python torch==2.7.1
FROM nvcr.io/nvidia/pytorch:25.06-py3 AS held
RUN pip install -c /etc/pip/constraint.txt torchvision "torch>=2.6"
FROM nvcr.io/nvidia/pytorch:25.06-py3 AS replaced
RUN pip uninstall -y torch apex && pip install torch==2.7.1
FROM ubuntu:24.04
RUN pip install torch==2.7.1
