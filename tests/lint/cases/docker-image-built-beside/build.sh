#!/bin/bash
set -euo pipefail
docker build --progress plain -t trainer-base -f base.Dockerfile .
docker build -t trainer .
