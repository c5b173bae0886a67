#!/bin/bash
# expect: nothing
set -euo pipefail
python train.py --corpus "$CORPUS"
