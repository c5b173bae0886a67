# expect: WARN docker.vendor-framework 5
# expect: WARN docker.vendor-framework 6
FROM nvcr.io/nvidia/nemo:25.07 AS base
FROM base
RUN pip3 install --no-cache-dir "torch==2.6.0" --index-url https://download.pytorch.org/whl/cu124
RUN pip install --upgrade flash_attn==2.7.4.post1 --no-build-isolation
