#!/bin/bash
# expect: FAIL shell.quoted-array 5
# expect: nothing
found=$(ls /fsx/parts)
parts=("$found")
echo "${#parts[@]} parts"
