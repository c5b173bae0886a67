#!/bin/bash
# expect: WARN shell.undefined-variable 6
# expect: WARN shell.undefined-variable 7
# expect: nothing
checkpoint_dir=/fsx/run  BatchSize=8
python train.py --save $CHECKPOINT_DIR
python train.py --batch $BATCH_SIZE
