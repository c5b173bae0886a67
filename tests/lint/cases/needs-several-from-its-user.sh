#!/bin/bash
# expect: WARN shell.needed-variables 4
# expect: nothing
python prepare.py --corpus $CORPUS
python train.py --corpus $CORPUS --tokenizer $TOKENIZER_FILE
python upload.py --to $BUCKET_NAME
