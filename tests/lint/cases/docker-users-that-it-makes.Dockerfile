# expect: WARN launch.user-path 9
# expect: nothing
FROM ubuntu:24.04
RUN useradd -m -u 1001 trainer && mkdir -p /home/shared/cache
WORKDIR /home/work
COPY entry.py /home/copied/entry.py
ENV HF_HOME=/home/trainer/.cache XDG_CACHE_HOME=/home/shared/cache PYTHONPATH=/home/work:/home/copied
RUN chown trainer /home/copied
ENV DATA=/home/mkowalski/data
