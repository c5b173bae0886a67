#!/bin/bash
# SageMaker runs this as root on each instance that it makes, also in place of a faulty one. It may be run again.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
# What is written below this folder goes to CloudWatch as well.
mkdir -p /var/log/provision
python3 -B -u -m lifecycle 2>&1 | tee -a /var/log/provision/provisioning.log
# A full disk ends tee as well: what counts is the end of the steps.
exit "${PIPESTATUS[0]}"
