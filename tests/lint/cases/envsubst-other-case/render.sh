#!/bin/bash
# expect: WARN shell.envsubst-name 5
# expect: nothing
export IMAGE=registry.example.com/train:1.4.0 Worker_Count=4
envsubst < job.txt > job.yaml
