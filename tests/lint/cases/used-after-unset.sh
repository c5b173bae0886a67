#!/bin/bash
# expect: WARN shell.undefined-variable 6
# expect: nothing
cache=/tmp/cache
unset cache
python train.py --cache $cache
