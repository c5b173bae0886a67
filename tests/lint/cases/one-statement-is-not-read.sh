#!/bin/bash
# expect: UNKNOWN lint.unreadable 6
# expect: WARN shell.undefined-variable 10
# expect: nothing
shopt -s extglob
rm -f !(keep|*.log)
for name in a b; do
  echo "$name"
done
python train.py --name $nmae
