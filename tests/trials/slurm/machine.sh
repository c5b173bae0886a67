#!/usr/bin/env bash
# One machine of the test bed: machine.sh NAME HOSTS SWITCH ADDRESS COMMAND...
#
# Runs COMMAND with the host name NAME, HOSTS as /etc/hosts, an empty /run and its own processes: whoever kills the
# first of them kills them all, as a power cut does. Expects mount, UTS and, where SWITCH is the process of another
# network namespace, network namespaces of its own: then eth0 has ADDRESS and a cable leads to the bridge "switch".
set -euo pipefail
name=$1 hosts=$2 switch=$3 address=$4
shift 4

hostname "$name"
mount --bind "$hosts" /etc/hosts
mount -t tmpfs tmpfs /run
mkdir /run/sshd # sshd does not start without

if [ -n "$switch" ]; then
    ip link set lo up
    ip link add eth0 type veth peer name "$name" netns "$switch"
    ip address add "$address/24" dev eth0
    ip link set eth0 up
    nsenter --target "$switch" --net ip link set "$name" master switch up
fi

# bash is the first process, because it takes in the children that daemons leave behind.
# shellcheck disable=SC2016 # for that bash to expand
exec unshare --pid --fork --kill-child --mount-proc bash -c '"$@" & wait' bash "$@"
