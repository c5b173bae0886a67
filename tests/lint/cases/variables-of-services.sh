#!/bin/bash
# expect: nothing
python report.py "${snakemake_input[0]}" "$READTHEDOCS_VERSION_NAME" "$GOFILE"
