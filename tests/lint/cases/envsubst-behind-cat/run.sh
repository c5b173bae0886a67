#!/bin/bash
# expect: WARN shell.envsubst-name 5
# expect: nothing
export NAMESPACE=team job_nmae=train
cat job.tmpl | envsubst | kubectl apply -f -
