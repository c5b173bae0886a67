#!/bin/bash
# expect: WARN shell.undefined-variable 4
source ./settings.env
python train.py --data "$DATA_DIR" --layers "$layres"
