# expect: FAIL docker.no-json 5
# expect: FAIL docker.no-json 6
# expect: nothing of lint.*
FROM python:3.12.4
ENTRYPOINT ['torchrun', '--standalone']
CMD ['train.py']
