#!/bin/bash
# expect: FAIL launch.secret 5
# expect: FAIL launch.secret 6
# expect: nothing
export WANDB_API_KEY=8f14e45fceea167a5a36dedd4bea2543c9f0f895
export DB_PASSWORD='Tr0ub4dor&3'
python train.py
