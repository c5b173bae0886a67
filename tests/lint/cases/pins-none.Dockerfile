# expect: WARN pins.unpinned-package 9
# expect: WARN pins.unpinned-package 10
# expect: WARN pins.unpinned-package 11
# expect: WARN pins.unpinned-package 12
# expect: WARN pins.unpinned-package 13
# expect: WARN pins.unpinned-package 14
# expect: nothing
FROM python:3.12.4
RUN sudo -H pip3.12 install --upgrade --target /opt/py "lightning>=2.0"
RUN uv pip install --system flash-attn --no-build-isolation
RUN micromamba install -y -n base -c conda-forge papermill
RUN python -m pip install -e git+https://github.com/NVIDIA/nccl.git#egg=x
RUN pip install "peft @ git+https://github.com/huggingface/peft.git@main"
RUN env CC=gcc pip install mpi4py
