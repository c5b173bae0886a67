# expect: nothing
FROM ubuntu:24.04
ARG LIBFABRIC_VERSION=2.1.0
COPY build_libfabric.sh /opt/src/
RUN sh /opt/src/build_libfabric.sh
