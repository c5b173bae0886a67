# expect: WARN docker.unused-version 3
FROM ubuntu:24.04
ARG NCCL_VERSION=v2.28.3-1
RUN apt-get update && apt-get install -y libnccl2
