#!/bin/bash
helm upgrade --install aws-fsx-csi-driver fsx/aws-fsx-csi-driver --version 1.12.0 --namespace kube-system
