# expect: WARN versions.below-floor 3
FROM nvidia/cuda:12.1.0-devel-ubuntu22.04
ARG NCCL_VERSION=2.17.1
RUN apt-get install -y libnccl2=${NCCL_VERSION}-1+cuda12.1
ENV FI_PROVIDER=efa
