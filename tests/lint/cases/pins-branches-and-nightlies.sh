#!/bin/bash
# expect: WARN pins.mutable-url 6
# expect: WARN pins.mutable-url 7
# expect: WARN pins.unpinned-package 10
# expect: nothing
curl -fO https://raw.githubusercontent.com/example/tools/refs/heads/bench/run.sh
curl -fLo tools.tar.gz https://github.com/example/tools/archive/refs/heads/release-1.tar.gz
curl -fO https://raw.githubusercontent.com/example/tools/refs/tags/v1.2.0/run.sh
pip install --pre torch --index-url https://download.pytorch.org/whl/nightly/cu130
pip install --pre torch
