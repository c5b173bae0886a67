# expect: WARN pins.unpinned-clone 8
# expect: nothing
FROM debian:12.8
ARG COMMIT=0a1b2c3
RUN git clone --depth 1 --branch v1.0.0 https://github.com/example/a.git && git clone /src/b.git
RUN git clone ${URL} c
RUN cd c && git checkout ${COMMIT}
RUN git clone --depth 1 https://github.com/example/d.git && cd d && git checkout main
