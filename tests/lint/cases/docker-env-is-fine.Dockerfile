# expect: nothing
FROM nvcr.io/nvidia/pytorch:25.06-py3
ENV CUDA_HOME=/usr/local/cuda PATH=/usr/local/cuda/bin:$PATH \
    # a comment in between
    ARCHS="8.0;9.0" PS1='$(whoami)# '
ENV PATH $PATH:/opt/bin
ENV LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}/opt/lib
