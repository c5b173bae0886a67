# expect: nothing
FROM gcc:14.2 AS Build
FROM debian:12.8
COPY --from=build /a /a
COPY --from=0 /a /b
COPY --from=nixl . /opt/nixl
COPY --from=ghcr.io/astral-sh/uv:0.9.5 /uv /bin/
RUN --mount=type=bind,from=build,source=/a,target=/c true
