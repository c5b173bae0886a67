# nccl-tests: NVIDIA's nccl-tests on the GPUs of one node, or of several as an MPI program.
# Made by `seatrial image render nccl-tests`: change the definition, not this file.
# Unlike most: its programs are on no package index: they are compiled against the NCCL of the stack and EFA's Open MPI.
#
# Each ARG with a value is a pin: with another value, by --build-arg, this is another image.
# Build it with --platform linux/amd64. pip's settings, such as a mirror with its password, may be given as a secret,
# which no layer keeps: --secret id=pip,src=pip.conf

ARG BASE=docker.io/library/ubuntu:24.04@sha256:224a1869083a311ef3f13648a154ba79832fbef6364d31493642ca03082da254

# --- base: an operating system and its Python; CUDA comes with the framework, as on a user's machine
FROM ${BASE} AS base
# Nobody answers questions here. It is an argument, so that it is not set in containers.
ARG DEBIAN_FRONTEND=noninteractive
# ca-certificates: whatever is fetched comes over TLS
# curl: fetches the EFA installer
# openssh-client: the other half of it
# openssh-server: mpirun starts the ranks of an MPIJob through it
# python3: runs Seatrial, and the framework
# python3-venv: makes the one Python that jobs are given
# Their versions are not pinned: the archive keeps only the newest, so that a pin fails as soon as there is a newer one.
# Which they were stands in /opt/seatrial/sbom.cdx.json. Files are in the builder's cache, not in a layer; lists are in
# neither: Buildah before 1.29 waits forever for a second lock (https://github.com/containers/buildah/issues/4342).
# hadolint ignore=DL3008
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    apt-get update \
    && apt-get install --yes --no-install-recommends \
        ca-certificates curl openssh-client openssh-server python3 python3-venv \
    && rm -f /etc/ssh/ssh_host_* \
    && rm -rf /var/lib/apt/lists/*

# --- network: EFA's software. The kernel's module is the host's.
FROM base AS network
ARG DEBIAN_FRONTEND=noninteractive
ARG EFA_INSTALLER_VERSION=1.50.0
ARG EFA_INSTALLER_SHA256=fa6dff8593d866866c13cb4640d9059835cd4efa427971f100ab40c97bef2841
ARG EFA_INSTALLER_URL=https://efa-installer.amazonaws.com/aws-efa-installer-${EFA_INSTALLER_VERSION}.tar.gz
WORKDIR /tmp/efa
# It brings libfabric 2.6.0amzn1.0, aws-ofi-nccl 1.21.1 and Open MPI.
# It is removed in the layer that it came with.
# --skip-kmod, --skip-limit-conf, --no-verify: what AWS's guide gives for containers, which have no kernel, no limits
# and no device of their own at build. --mpi=openmpi4: the guide recommends it unless Open MPI 5 is needed.
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    curl --fail --silent --show-error --location --retry 5 --output efa.tar.gz "${EFA_INSTALLER_URL}" \
    && echo "${EFA_INSTALLER_SHA256}  efa.tar.gz" > efa.sha256 \
    && sha256sum --check --strict efa.sha256 \
    && tar --extract --gzip --file efa.tar.gz --strip-components 1 \
    && apt-get update \
    && ./efa_installer.sh -y --skip-kmod --skip-limit-conf --no-verify --mpi=openmpi4 \
    && rm -rf /tmp/efa /var/lib/apt/lists/*
WORKDIR /
# mpirun and fi_info are found by name.
ENV PATH=/opt/amazon/openmpi/bin:/opt/amazon/efa/bin:${PATH}
# NCCL loads libnccl-net.so by the loader's own search: it must find the plugin without LD_LIBRARY_PATH, which a
# launcher may not pass on. Where only the plugin's full name is installed, NCCL would use TCP and say nothing.
COPY loader.conf /etc/ld.so.conf.d/000-seatrial.conf
# The loader's cache knows a library by the name that is written in it, so that a link beside it is not found: the link
# in /usr/lib is, where the loader looks for files.
RUN plugin="$(find /opt/amazon/ofi-nccl -name libnccl-net-ofi.so -print -quit)" \
    && if [ -n "$plugin" ]; then \
        ln -sf libnccl-net-ofi.so "${plugin%-ofi.so}.so" && ln -sf "$plugin" /usr/lib/libnccl-net.so; \
    fi \
    && ldconfig
# MPI Operator mounts a job's own key into root's home, with modes that sshd refuses unless told. The workers' names are
# new in each job, so that nothing is known of them. Host keys that whoever has the image has are none: what starts sshd
# makes its own, ssh-keygen -A.
RUN printf 'StrictModes no\n' > /etc/ssh/sshd_config.d/seatrial.conf \
    && printf 'StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n' \
        > /etc/ssh/ssh_config.d/seatrial.conf \
    && mkdir -p /run/sshd

# --- framework: each package by the hash of its file. What many images share comes first.
FROM network AS framework
ARG PIP_CACHE_DIR=/var/cache/pip
RUN python3 -m venv /opt/seatrial/venv
# The framework for GPUs, CUDA, cuDNN and NCCL, in the versions of the stack cuda13. No dependency is resolved: the
# locks name them all.
COPY locks/cuda.txt /opt/seatrial/locks/
RUN --mount=type=cache,target=/var/cache/pip --mount=type=secret,id=pip,target=/etc/pip.conf \
    /opt/seatrial/venv/bin/pip install --no-deps --require-hashes --only-binary :all: \
        --requirement /opt/seatrial/locks/cuda.txt
COPY locks/command.txt /opt/seatrial/locks/
RUN --mount=type=cache,target=/var/cache/pip --mount=type=secret,id=pip,target=/etc/pip.conf \
    /opt/seatrial/venv/bin/pip install --no-deps --require-hashes --only-binary :all: \
        --requirement /opt/seatrial/locks/command.txt
# NCCL and its plugin find each other through the loader, also for programs that are not Python.
RUN ln -s /opt/seatrial/venv/lib/python3.*/site-packages/nvidia/nccl /opt/seatrial/nccl \
    && ldconfig

# --- nccl-tests: the source at a commit, whose id is a hash of all that is in it; git and compilers stay here
FROM framework AS nccl-tests
ARG DEBIAN_FRONTEND=noninteractive
# hadolint ignore=DL3008
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    apt-get update \
    && apt-get install --yes --no-install-recommends g++ git make \
    && rm -rf /var/lib/apt/lists/*
ARG NCCL_TESTS_REPOSITORY=https://github.com/NVIDIA/nccl-tests
# 2.20.0
ARG NCCL_TESTS_COMMIT=b4d5beebca8a76cf01335f724d154b9b9d394d96
WORKDIR /opt/nccl-tests
RUN git init --quiet . \
    && git fetch --quiet --depth 1 "${NCCL_TESTS_REPOSITORY}" "${NCCL_TESTS_COMMIT}" \
    && git checkout --quiet FETCH_HEAD \
    && test "$(git rev-parse HEAD)" = "${NCCL_TESTS_COMMIT}" \
    && rm -rf .git
# The compiler of the stack's CUDA, from the same index as its libraries.
ARG PIP_CACHE_DIR=/var/cache/pip
COPY locks/nvcc.txt /opt/seatrial/locks/
RUN --mount=type=cache,target=/var/cache/pip --mount=type=secret,id=pip,target=/etc/pip.conf \
    /opt/seatrial/venv/bin/pip install --no-deps --require-hashes --only-binary :all: --target /opt/nvcc \
        --requirement /opt/seatrial/locks/nvcc.txt
# Wheels hold no name for the linker. CUDA's runtime is linked into the programs, NCCL is that of the image. MPI=1: on
# several nodes its programs are ranks of one MPI job. Which GPUs they are for is nccl-tests' choice for this CUDA.
RUN ln -s libnccl.so.2 /opt/seatrial/nccl/lib/libnccl.so \
    && make --jobs "$(nproc)" MPI=1 MPI_HOME=/opt/amazon/openmpi NCCL_HOME=/opt/seatrial/nccl \
        CUDA_HOME=/opt/nvcc/nvidia/cu13 CUDA_LIB=/opt/nvcc/nvidia/cu13/lib CUDARTLIB=cudart_static

# --- case
FROM framework
COPY --from=nccl-tests /opt/nccl-tests/build/*_perf /opt/nccl-tests/bin/
# The case looks for its programs on PATH.
ENV PATH=/opt/nccl-tests/bin:${PATH}
# Seatrial as it was when this was rendered: nothing is fetched. Compiled, since not every user may write beside it,
# and readable by every user, whatever the umask of whoever wrote this folder.
COPY seatrial /opt/seatrial/src/seatrial
RUN echo /opt/seatrial/src > "$(echo /opt/seatrial/venv/lib/python3.*/site-packages)/seatrial.pth" \
    && /opt/seatrial/venv/bin/python -m compileall -q /opt/seatrial/src \
    && chmod -R a+rX,go-w /opt/seatrial/src
ENV PATH=/opt/seatrial/venv/bin:${PATH}
# What container runtimes and enroot ask for before they give a container GPUs. NVIDIA's own images say the same.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
# No USER: pyxis runs a container as whoever submits. On Kubernetes, on Batch and under docker a job writes into a
# shared folder, which is root's unless the site says otherwise, and an MPIJob's sshd is root's. Any user will
# do: the test below is run by nobody. WORKDIR: where anybody may write.
WORKDIR /tmp
# What it was really made from: label and bill of materials name the base that --build-arg gave, too.
ARG BASE
# The licence is Seatrial's own: everything else in the image is under its own.
LABEL org.opencontainers.image.title="nccl-tests" \
      org.opencontainers.image.description="NVIDIA's nccl-tests on the GPUs of one node, or of several as an MPI program" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE}" \
      seatrial.stack="cuda13"
# Last, so that an image that lacks something is never made. What is installed is written down; then modules, programs,
# NCCL and its plugin are looked for as a job would, which needs no GPU.
COPY self_test.py image.json /opt/seatrial/
RUN chmod a+r /opt/seatrial/self_test.py /opt/seatrial/image.json \
    && /opt/seatrial/venv/bin/python /opt/seatrial/self_test.py --write /opt/seatrial/sbom.cdx.json \
    && HOME=/tmp setpriv --reuid=65534 --regid=65534 --clear-groups \
        /opt/seatrial/venv/bin/python /opt/seatrial/self_test.py
