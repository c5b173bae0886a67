#!/bin/sh
# HyperPod runs this as root on each node that it makes, before the node joins the cluster: images and what pods write
# go to the large volume, since the root volume is small. It may be run again.
set -eu

root=${1:-} # of the file system, where it is not that of a node
volume=$root/opt/sagemaker
wait_seconds=120 # the volume is mounted while this begins

say() {
    echo "on_create.sh: $1"
}

fail() { # What is wrong, and how to go on.
    echo "on_create.sh: $1; $2" >&2
    exit 1
}

wait_for_volume() {
    waited=0
    until mountpoint -q "$volume"; do
        [ "$waited" -lt "$wait_seconds" ] ||
            fail "$volume is not mounted after $wait_seconds s" "give the group a volume_gib, and see the node's dmesg"
        sleep 5
        waited=$((waited + 5))
    done
}

# A service's folder: the same path, but on the volume. What is in it, such as the image of pause, comes along.
move() {
    service=$1 from=$root/var/lib/$1 to=$volume/$1
    if mountpoint -q "$from"; then
        say "$from is on the volume already"
        return
    fi
    if systemctl is-active --quiet "$service"; then
        systemctl stop "$service"
        stopped="$stopped $service"
    fi
    mkdir -p "$from" "$to"
    cp -a "$from/." "$to/" || fail "$from could not be copied to $to" "is the volume full? raise volume_gib"
    line="$to $from none bind,nofail,x-systemd.requires-mounts-for=$volume 0 0"
    grep -qxF "$line" "$root/etc/fstab" || echo "$line" >>"$root/etc/fstab"
    mount --bind "$to" "$from" || fail "$to could not be mounted as $from" "see above"
    say "$from is on the volume now"
}

stopped=""
start_again() {
    for service in $stopped; do
        systemctl start "$service"
    done
}
trap start_again EXIT

wait_for_volume
move containerd
move kubelet
say "done"
