#!/bin/bash
# expect: nothing
cat <<'EOF' | envsubst > job.yaml
image: ${IMAGE_OF_THE_TEAM}
replicas: ${REPLICAS}
EOF
