# expect: nothing of docker.*
ARG CUDA_VERSION=12.8.1
ARG FLAVOUR=devel
ARG OPTIONAL=extras
ARG BASE=${CUDA_VERSION:+"nvidia/cuda:${CUDA_VERSION}-${FLAVOUR}-ubuntu24.04"}
FROM ${BASE} AS tools
ARG FLAVOUR
# the image sets CUDA_VERSION itself
RUN echo "$CUDA_VERSION" > /etc/cuda-version

FROM tools AS final
# an ARG of the stage on which this one stands
RUN echo "$FLAVOUR" "${OPTIONAL:-none}" > /etc/flavour
RUN . /etc/os-release && echo "$FLAVOUR"
RUN for BASE in a b; do echo "$BASE"; done
