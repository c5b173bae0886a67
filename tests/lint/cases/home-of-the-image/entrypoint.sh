#!/bin/bash
# expect: nothing
python train.py --cache /home/probe/.cache
