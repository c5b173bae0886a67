#!/bin/bash
# expect: nothing
run-on-all --nodes 4 -- bash -c "python train.py --host \$COORDINATOR_HOST"
cat > worker.sh <<'EOF'
python worker.py --host "$COORDINATOR_HOST" --part $part
EOF
cat > other.sh <<EOF
python worker.py --part \$part
EOF
