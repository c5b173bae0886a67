#!/bin/bash
# expect: UNKNOWN lint.unreadable 6
# expect: nothing
set -euo pipefail
NODES=4
CLUSTER="${cluster_name}"
kubectl config use-context "$CLUSTER" && kubectl scale --replicas="$NODES" deployment/store
