#!/bin/bash
# expect: nothing
if [ -n "$VIRTUAL_ENV" ]; then
  HOW=(uv pip install probe==1.4.0)
else
  HOW=(uv tool install probe==1.4.0)
fi
"${HOW[@]}"
