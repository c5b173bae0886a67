#!/bin/bash
# expect: WARN launch.user-path 6
# expect: nothing
echo "for example: $0 --data /home/alice/data"
sed -e "s#/home/alice/corpus/#$1/#g" /fsx/list > /tmp/list
python train.py --data /home/alice/data
python train.py --data /home/data/imagenet
docker exec node /bin/bash -c "chown -R runner:runner /home/tester"
