#!/bin/bash
python pretrain.py --steps 100 --load /fsx/run
