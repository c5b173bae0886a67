#!/bin/bash
# expect: nothing
source ./env_vars
envsubst '$IMAGE $WORKERS' < job.txt > job.yaml
