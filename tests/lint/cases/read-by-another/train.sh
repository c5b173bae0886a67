#!/bin/bash
# expect: nothing
size=small
source "$(dirname "$0")/settings.sh"
python train.py "${args[@]}"
