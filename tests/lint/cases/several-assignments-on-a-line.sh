#!/bin/bash
# expect: nothing
place() {
  name=$1 from=$root/var/$1 to=$volume/$1 mark=
  cp -a "$from" "$to" && echo "$name$mark $1_old"
}
root=/ volume=/mnt
place containerd
