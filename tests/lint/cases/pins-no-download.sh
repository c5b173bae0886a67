#!/bin/bash
# expect: nothing
set -euo pipefail
curl -sI https://example.com/health -o headers.txt
curl --version
curl -s -X POST -d '{"text": "done"}' https://example.com/hook -o answer.json
curl -s -o /dev/null -w '%{http_code}' https://example.com
curl -sS https://example.com/list -o -
