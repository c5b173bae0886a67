#!/bin/bash
# expect: WARN pins.unpinned-clone 4
# expect: nothing
git clone https://github.com/example/tools.git
git clone https://huggingface.co/example/model results
cp -r /fsx/run/model/* results/
git -C results add .
git -C results commit -m "new weights"
git -C results push
