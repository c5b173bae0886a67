# expect: WARN pins.unpinned-clone 9
# expect: nothing
FROM debian:12.8
ARG COMMIT=0a1b2c3
RUN git clone --depth 1 --branch v1.0.0 https://github.com/example/a.git && git clone /src/b.git
ARG URL=https://github.com/example/c.git
RUN git clone ${URL} c
RUN cd c && git checkout ${COMMIT}
RUN git clone --depth 1 https://github.com/example/d.git && cd d && git checkout main
RUN git clone $FROM_ELSEWHERE e
