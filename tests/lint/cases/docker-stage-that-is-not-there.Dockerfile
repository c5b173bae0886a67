# expect: FAIL docker.unknown-stage 6
# expect: FAIL docker.unknown-stage 7
# expect: FAIL docker.unknown-stage 8
FROM gcc:14.2 AS nccl-build
FROM debian:12.8
COPY --from=ncclbuild /opt/nccl /opt/nccl
COPY --from=1 /etc/hosts /tmp/
RUN --mount=type=bind,from=tests,target=/t cp /t/a /a
FROM debian:12.8 AS tests
