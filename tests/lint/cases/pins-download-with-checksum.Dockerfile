# expect: nothing
FROM debian:12.8
RUN curl -LO https://github.com/example/tool/raw/main/tool.tar.gz \
    && echo "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  tool.tar.gz" | sha256sum --check -
RUN curl -sO https://example.com/b.tar.gz && curl -sO https://example.com/b.tar.gz.sig && gpg --verify b.tar.gz.sig
ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://github.com/e/f/archive/main.zip /f
