#!/bin/sh
# An image of buildah's as a squash file that enroot starts: squash.sh IMAGE FOLDER FILE
# FOLDER holds rc, environment and fstab, by which enroot knows an image's command, variables and mounts:
# https://github.com/NVIDIA/enroot/blob/main/doc/image-format.md
# They go into a container that is thrown away; the image stays as it is. Without root: buildah unshare sh squash.sh ...
set -eu
container=$(buildah from --pull-never "$1")
trap 'buildah rm "$container" >/dev/null' EXIT
root=$(buildah mount "$container")
mkdir -p "$root/etc"
cp "$2/rc" "$2/environment" "$2/fstab" "$root/etc/"
# as enroot calls it: files are root's, and stay uncompressed, since they are unpacked before each job
mksquashfs "$root" "$3" -all-root -no-progress -comp lzo -noD -wildcards -e 'dev/*'
