# expect: FAIL docker.comment-in-command 7
# expect: nothing
FROM python:3.12.4
RUN pip install "numpy<2" && \
    # a comment of its own \
    pip check && \
    echo installed # the GPU part \
    && pip install cupy-cuda12x==13.4.1
RUN sed -i 's/#Port 22/Port 2222/' /etc/ssh/sshd_config && echo "a # b" ${#HOME} \
    && true # the end
