#!/bin/bash
python evaluate.py --model "$MODEL"
