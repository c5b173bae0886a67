# expect: FAIL docker.env-value 7
# expect: FAIL docker.env-value 8
# expect: FAIL docker.env-value 9
# expect: FAIL docker.env-value 10
# expect: nothing
FROM ubuntu:24.04
ENV LD_LIBRARY_PATH=/opt/lib:LD_LIBRARY_PATH
ENV PATH='/opt/bin:$PATH'
ENV MAX_JOBS=$(nproc)
ENV TOOLS=/opt/tools PATH=$TOOLS/bin:$PATH
