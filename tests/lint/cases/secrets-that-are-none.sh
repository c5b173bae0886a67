#!/bin/bash
# expect: nothing of launch.secret
export HF_TOKEN=hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxx
export WANDB_API_KEY=PLACEHOLDER_FOR_KEY_1234
export OPENAI_API_KEY="<paste-your-key-here-1234567>"
export NGC_API_KEY=NGC_API_KEY
export MINIO_SECRET_KEY=minioadmin
export POSTGRES_PASSWORD=mysecretpassword1
export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
export API_TOKEN_SECRET=team-registry-credentials
export GRAFANA_PASSWORD=admin123
export VLLM_API_KEY=$SERVER_KEY
python train.py
