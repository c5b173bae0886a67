# expect: nothing
FROM python:3.12.4
ARG VLLM=0.9.1
RUN pip --disable-pip-version-check install --index-url https://example.com/simple --target /opt/py vllm==${VLLM}
RUN python3 -m pip install -r requirements.txt --extra-index-url https://example.com -e . && pip install ./wheels/*.whl
RUN uv pip install --system --torch-backend cu128 --exclude-newer 2025-07-01 einops
RUN pip install --no-index --find-links /wheels apex
RUN pip install -c constraints.txt ninja numpy
RUN pip install "tokenizers[dev]==0.21.1; python_version>'3.9'" "pydantic~=2.11" "numpy<2"
RUN pip install git+https://github.com/state-spaces/mamba.git@v2.2.4 https://example.com/a-1.0-py3-none-any.whl#sha256=00
RUN conda install -y -n base -c conda-forge --file env.lock "pytorch=2.7.*" && mamba create -p /opt/e python=3.12
RUN echo "now: pip install torch" && apt-get install -y python3-pip
