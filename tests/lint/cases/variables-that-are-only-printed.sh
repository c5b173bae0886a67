#!/bin/bash
# expect: WARN shell.needed-variables 8
# expect: nothing
echo "address: $JOB_ADDRESS"
test -z "$PART" && PART="$SITE_PART"
[[ -z "$PART" ]] && PART="$OTHER_PART"
echo "part $PART of $JOB_PARTS" >&2
echo "$CONFIG_TEXT" > /tmp/config.yaml
python train.py \
  --parts $JOB_PARTS
