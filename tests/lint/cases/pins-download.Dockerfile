# expect: WARN pins.unchecked-download 6
# expect: WARN pins.unchecked-download 7
# expect: WARN pins.mutable-url 8
# expect: nothing
FROM debian:12.8
RUN curl -sSLo /usr/local/bin/tool https://example.com/v1/tool && sha256sum /usr/local/bin/tool
RUN curl -L https://example.com/v1/tool.zip --output tool.zip
RUN wget https://github.com/conda-forge/miniforge/releases/latest/download/Miniforge3-Linux-x86_64.sh
