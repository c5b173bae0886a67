#!/bin/bash
# expect: nothing
cache=/tmp/cache
unset cache
cache=/fsx/cache
python train.py --cache $cache
