#!/bin/bash
# expect: WARN shell.envsubst-name 6
# expect: nothing
export IMAGE=registry.example.com/train:1.4.0
WORKERS=4
cat <<'EOF' | envsubst > job.yaml
image: ${IMAGE}
replicas: ${WORKERS}
EOF
