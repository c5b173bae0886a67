#!/bin/bash
# expect: WARN pins.unpinned-package 5
# expect: nothing
if [ -n "$VIRTUAL_ENV" ]; then
  HOW=(uv pip install probe)
else
  HOW=(uv tool install probe)
fi
"${HOW[@]}"
