# expect: nothing
FROM ubuntu:24.04
ARG GDRCOPY_VERSION=2.5.1
ARG UCX_VERSION=1.19.0
RUN cd /opt/src && make -f deps.mk
RUN printenv | sort > /opt/versions
