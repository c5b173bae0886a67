# expect: WARN docker.loader-path 6
# expect: nothing
FROM ubuntu:24.04 AS efa
ENV LD_LIBRARY_PATH /opt/amazon/efa/lib:/opt/amazon/ofi-nccl/lib
FROM efa
ENV LD_LIBRARY_PATH=/usr/local/cuda/lib64
