#!/bin/sh
# Makes the environment that the Makefile's targets run in: scripts/setup.sh run|develop
#
#   .make/uv      uv at its pin, and nothing else
#   .make/venv    seatrial, editable, with torch at its pin (src/seatrial/versions/python.py), and every other package by the
#                 hash of its file (scripts/locks/, which scripts/lock.py makes)
#
# No other environment is read or written. A second run ends at once, unless the pins, the locks, pyproject.toml, the
# Python or the place of this folder have changed: then .make/venv is made anew. PYTHON=... chooses the Python.
set -eu
cd "$(dirname "$0")/.."

case "${1-}" in
    run | develop) lock=scripts/locks/$1.txt ;;
    *) echo "usage: scripts/setup.sh run|develop" >&2; exit 2 ;;
esac

# The caller's own choices about other environments do not count here; where packages come from does.
unset VIRTUAL_ENV CONDA_PREFIX PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV
unset UV_PYTHON UV_SYSTEM_PYTHON UV_MANAGED_PYTHON UV_PROJECT_ENVIRONMENT UV_TARGET UV_PREFIX UV_CONSTRAINT UV_OVERRIDE
unset UV_REQUIRE_HASHES UV_NO_VERIFY_HASHES UV_TORCH_BACKEND
export PYTHONNOUSERSITE=1 PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 UV_PYTHON_DOWNLOADS=never

fail() {
    echo "error: $1" >&2
    echo "    $2" >&2
    exit 2
}

pin() { # NAME: a version from the table, read without a Python
    sed -n "s/^$1 = \"\(.*\)\".*/\1/p" src/seatrial/versions/python.py
}

oldest=$(pin PYTHON)

too_old() { # PYTHON: true if it is older than the oldest that will do
    ! "$1" -c "import sys; sys.exit(sys.version_info[:2] < tuple(map(int, '$oldest'.split('.'))))"
}

# Candidates are tried by running them: a version manager's shim is on the PATH even where its Python is not.
choose_python() {
    no_venv='' old=''
    if [ -n "${PYTHON-}" ]; then set -- "$PYTHON"; else set -- python3.11 python3.12 python3 python3.13; fi
    for candidate in "$@"; do
        "$candidate" -c 'pass' 2>/dev/null || continue
        if too_old "$candidate"; then
            old=${old:-$candidate}
        elif ! "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
            no_venv=${no_venv:-$candidate}
        else
            python=$candidate
            return
        fi
    done
    if [ -n "$no_venv" ]; then
        fail "$no_venv has no venv module" "on Debian and Ubuntu: apt-get install python3-venv; or choose another: make PYTHON=..."
    elif [ -n "$old" ]; then
        fail "$old is older than Python $oldest" "install Python $oldest or newer, or say where it is: make PYTHON=..."
    fi
    fail "${PYTHON:-python3} does not run" "install Python $oldest or newer, or say where it is: make PYTHON=..."
}

pip_setting() { # NAME: what pip is configured with, several values as pip prints them
    .make/uv/bin/python -m pip config list | sed -n "s/^[^.]*\.$1='\(.*\)'\$/\1/p" | tail -n 1
}

# uv does not read pip's configuration. Whoever set these three for pip means all of their installs.
adopt_pip_settings() {
    links=$(printf '%s' "${PIP_FIND_LINKS:-$(pip_setting find-links)}" | sed 's/\\n/ /g' | xargs | tr ' ' ',')
    index=${PIP_INDEX_URL:-$(pip_setting index-url)}
    cert=${PIP_CERT:-$(pip_setting cert)}
    if [ -n "$links" ]; then export UV_FIND_LINKS="${UV_FIND_LINKS:-$links}"; fi
    if [ -n "$index" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"; fi
    if [ -n "$cert" ]; then export SSL_CERT_FILE="${SSL_CERT_FILE:-$cert}"; fi
}

install_uv() {
    version=$(pin UV)
    case "$(.make/uv/bin/uv --version 2>/dev/null || true)" in "uv $version" | "uv $version "*) return ;; esac
    echo "setup: uv $version into .make/uv"
    rm -rf .make/uv
    "$python" -m venv .make/uv
    .make/uv/bin/python -m pip install --quiet "uv==$version"
}

install() { # never a dependency: the lock names them all, and torch's own would be those of its CUDA build
    .make/uv/bin/uv pip install --python .make/venv/bin/python --no-deps "$@"
}

install_packages() {
    echo "setup: $lock and torch into .make/venv, with $("$python" --version)"
    install --require-hashes --requirements "$lock"
    # Never the CUDA build: the one marked +cpu if a configured source has it, else from PyTorch's own CPU index.
    torch=torch==$(pin TORCH)
    install --quiet "$torch+cpu" 2>/dev/null || install --torch-backend cpu "$torch" ||
        fail "$torch could not be installed: see above" \
            "where PyTorch's index is out of reach, name a folder with its wheel: PIP_FIND_LINKS=..."
    install --quiet --no-build-isolation --editable . # what it is built with is in the lock, too
}

mkdir -p .make
choose_python
key=$(
    pwd
    "$python" -c 'import sys; print(sys.version)'
    cat pyproject.toml src/seatrial/versions/python.py scripts/setup.sh scripts/locks/*.txt
)
key=$(printf %s "$key" | cksum)
stamp=$(cat .make/venv/seatrial-stamp 2>/dev/null || true)
case "$stamp" in "$1 $key" | "develop $key") exit 0 ;; esac

install_uv
adopt_pip_settings
case "$stamp" in
    *" $key") ;; # the same pins: only more packages
    *) .make/uv/bin/uv venv --quiet --clear --no-project --prompt seatrial --python "$python" .make/venv ;;
esac
rm -f .make/venv/seatrial-stamp
install_packages
echo "$1 $key" >.make/venv/seatrial-stamp
