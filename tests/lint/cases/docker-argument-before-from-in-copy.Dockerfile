# expect: FAIL docker.argument-before-from 12
# expect: FAIL docker.argument-before-from 13
ARG PREFIX=/opt/solver
ARG RELEASE="v3.1"

FROM gcc:14.2 AS build
ARG PREFIX
RUN make install PREFIX=${PREFIX}

FROM debian:12.8
# known in the stage before, not in this one
COPY --from=build ${PREFIX} /opt/solver
LABEL org.opencontainers.image.version="${RELEASE}"
