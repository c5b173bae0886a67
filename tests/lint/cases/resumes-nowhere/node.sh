#!/bin/bash
python pretrain.py --steps 100
