#!/bin/bash
# expect: FAIL network.value 6
# expect: FAIL network.value 7
# expect: WARN network.value 8
# expect: nothing
export FI_EFA_USE_HUGE_PAGE="0   # forks"
export FI_PROVIDER='efa '
export NCCL_IB_DISABLE="1 # EFA instead"
python train.py
