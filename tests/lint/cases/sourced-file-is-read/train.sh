#!/bin/bash
# expect: nothing
source ./settings.env
python train.py --data "$DATA_DIR" --layers "$layers"
