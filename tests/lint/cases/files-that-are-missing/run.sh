#!/bin/bash
# expect: WARN shell.missing-file 6
# expect: WARN shell.missing-file 7
# expect: nothing
./linked/prepare.sh
./train.sh
./tools/score.py
