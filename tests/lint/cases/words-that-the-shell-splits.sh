#!/bin/bash
# expect: FAIL launch.joined-words 6
# expect: nothing
ARGS="--normalize true --format wav"
python train.py ${ARGS}
python train.py '--steps 10'
