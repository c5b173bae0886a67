# expect: nothing
FROM python:3.12.4
RUN [ -d /data ] || mkdir /data
RUN [ "$(uname -m)" = "x86_64" ]
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
CMD [ "python", "-u", "train.py" ]
