#!/bin/bash
# What a node runs as root when it starts: enroot FOLDER, pyxis, or certificate PARAMETER REGION FILE.
#
# ParallelCluster's AMIs have enroot and pyxis since 3.11.1; they have to be switched on:
# https://docs.aws.amazon.com/parallelcluster/latest/ug/tutorials_11_running-containerized-jobs-with-pyxis.html
# So nothing is installed here, and nothing is fetched from elsewhere.
set -euo pipefail
export PATH="$PATH:/usr/local/bin:/opt/slurm/bin" AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=10

fail() {
    echo "seatrial: $*" >&2
    exit 1
}

# Containers are unpacked in a folder: local disks where there are some, which are mounted before this runs.
enroot() {
    local folder=$1
    type -P enroot >/dev/null || fail "this AMI has no enroot: use one of ParallelCluster 3.11.1 or newer"
    mkdir -p "$folder" /etc/enroot
    chmod 1777 "$folder"
    # What is below /run is gone after a reboot: systemd makes these anew.
    printf 'd %s 1777 root root\n' /run/enroot /run/pyxis >/etc/tmpfiles.d/seatrial.conf
    systemd-tmpfiles --create /etc/tmpfiles.d/seatrial.conf
    cat >/etc/enroot/enroot.conf <<EOF
ENROOT_RUNTIME_PATH /run/enroot/user-\$(id -u)
ENROOT_CACHE_PATH $folder/cache-\$(id -u)
ENROOT_DATA_PATH $folder/data-\$(id -u)
ENROOT_SQUASH_OPTIONS -noI -noD -noF -noX -no-duplicates
ENROOT_ROOTFS_WRITABLE yes
ENROOT_MOUNT_HOME no
ENROOT_RESTRICT_DEV no
EOF
    chmod 0644 /etc/enroot/enroot.conf
    # Ubuntu 24.04 keeps users from making the namespaces that enroot needs.
    if [ -e /proc/sys/kernel/apparmor_restrict_unprivileged_userns ]; then
        echo 'kernel.apparmor_restrict_unprivileged_userns = 0' >/etc/sysctl.d/99-seatrial-enroot.conf
        sysctl --quiet --load=/etc/sysctl.d/99-seatrial-enroot.conf
    fi
}

# On the head node, whose /opt/slurm all nodes share.
pyxis() {
    local examples=/opt/parallelcluster/examples
    [ -e $examples/pyxis/pyxis.conf ] || fail "this AMI has no pyxis: use one of ParallelCluster 3.11.1 or newer"
    mkdir -p /opt/slurm/etc/plugstack.conf.d
    cp $examples/pyxis/pyxis.conf /opt/slurm/etc/plugstack.conf.d/
    cp $examples/spank/plugstack.conf /opt/slurm/etc/
    for _ in 1 2 3 4 5 6; do
        scontrol reconfigure && return
        sleep 10 # slurmctld may just be starting
    done
    fail "slurmctld does not answer"
}

certificate() {
    local parameter=$1 region=$2 file=$3 text
    text=$(aws ssm get-parameter --region "$region" --name "$parameter" --query Parameter.Value --output text)
    case $text in
        *"BEGIN CERTIFICATE"*) ;;
        *) fail "$parameter of Systems Manager is no certificate" ;;
    esac
    mkdir -p "$(dirname "$file")"
    printf '%s\n' "$text" >"$file"
    chmod 0644 "$file"
}

case ${1:-} in
    enroot | pyxis | certificate) "$@" ;;
    *) fail "enroot FOLDER, pyxis, or certificate PARAMETER REGION FILE, not: $*" ;;
esac
