# expect: WARN docker.vendor-framework 4
# expect: nothing
FROM 763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.6.0-gpu-py312-cu126-ubuntu22.04-ec2
RUN python -m pip install torchaudio==2.6.0
RUN pip install einops==0.8.1
