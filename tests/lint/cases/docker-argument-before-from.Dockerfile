# expect: FAIL docker.argument-before-from 6
# expect: nothing of lint.*
ARG PEFT_VERSION=0.15.2
FROM nvidia/cuda:12.8.1-devel-ubuntu24.04
# the version is empty, and == with nothing behind it is an error at best
RUN pip install peft==$PEFT_VERSION
