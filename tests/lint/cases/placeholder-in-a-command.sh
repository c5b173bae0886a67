#!/bin/bash
# expect: FAIL shell.placeholder 8
# expect: FAIL shell.placeholder 9
# expect: FAIL shell.placeholder 10
# expect: nothing
# start it as: placeholder.sh --out <folder>
sort <list >sorted
python train.py --data=<folder> --steps 10
python train.py --data <folder of the data> --steps 10
python train.py --out s3://<bucket>/run
echo "usage: $0 <folder> --out=<folder>"
cat <<EOT
usage: $0 --out=<folder>
EOT
if [[ $1 =~ ^<b> ]]; then sort <list> sorted; fi
