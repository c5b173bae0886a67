# expect: nothing of versions.*
FROM nvidia/cuda:12.1.0-devel-ubuntu22.04
ARG NCCL_VERSION=2.17.1
RUN apt-get install -y libnccl2=${NCCL_VERSION}-1+cuda12.1 ibverbs-utils
