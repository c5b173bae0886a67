# expect: WARN pins.unpinned-package 20
# expect: WARN pins.unchecked-download 24
# expect: nothing
FROM ubuntu:24.04
RUN --mount=type=cache,target=/opt/.cache \
  --mount=type=bind,from=python:3.12.4,target=/py <<-"END_OF_RUN" bash -eux
	set -o pipefail
	case "$(uname -m)" in \
	  x86_64) echo amd64 ;; \
	esac
	END_OF_RUN
COPY <<ONE <<TWO /etc/profile.d/
export A=1
ONE
RUN export B=2
TWO
RUN cat <<'PROGRAM' > /usr/local/bin/start && \
    # a comment, and an empty line

    pip install sentencepiece
set -e
exec "$@"
PROGRAM
RUN curl -LO https://example.com/v1/tool.tar.gz
ONBUILD RUN <<EOF
test -n "$X"
EOF
