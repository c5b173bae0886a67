#!/bin/bash
# expect: nothing
./tools/prepare.sh
