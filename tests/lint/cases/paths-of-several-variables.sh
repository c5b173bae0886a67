#!/bin/bash
# expect: WARN shell.needed-variables 6
# expect: nothing
ROOT=/fsx
NAME=run
cd $ROOT/$NAME/$PART/steps
export PYTHONPATH=$ROOT/$NAME/src
python train.py --save $ROOT/$NAME/checkpoints
