#!/bin/sh
# Makes .make/kubernetes/kube-apiserver of Debian's sources of Kubernetes (1.20, the last one with a server in them), for
# tests/trials/kubernetes. Debian 12, as root; 9 minutes of CPU, 2.5 GB below TMPDIR while it runs.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
target=$root/.make/kubernetes
[ ! -x "$target/kube-apiserver" ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d # etcd is not to start because its package is there
if [ ! -e $policy ]; then
    trap 'rm -rf "$work" $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends etcd-server golang-go \
    golang-github-modern-go-reflect2-dev rsync openssl dpkg-dev make
cd "$work"
mkdir -p lists/partial home
apt-get indextargets --format "deb-src \$(REPO_URI) \$(CODENAME) main" 'Created-By: Packages' 'Origin: Debian' |
    sort -u >sources.list
source="apt-get -qq -o Dir::Etc::SourceList=$work/sources.list -o Dir::Etc::SourceParts=/dev/null"
source="$source -o Dir::State::Lists=$work/lists"
$source update
$source source kubernetes
cd kubernetes-1.*/
export GOPATH="$PWD/.go" HOME="$work/home" CGO_ENABLED=0 KUBE_GIT_TREE_STATE=clean KUBE_GIT_COMMIT=0
version=$(dpkg-parsechangelog -S Version | sed 's/.*really//; s/-.*//')
export KUBE_GIT_VERSION="v$version" KUBE_GIT_MAJOR=1 KUBE_GIT_MINOR=20
# The reflect2 that is in there reads maps of Go before 1.18, and the server dies of it.
rm vendor/github.com/modern-go/reflect2/*.go vendor/github.com/modern-go/reflect2/*.s
cp /usr/share/gocode/src/github.com/modern-go/reflect2/*.[gs]* vendor/github.com/modern-go/reflect2/
mkdir -p .go/src/k8s.io
ln -s ../../.. .go/src/k8s.io/kubernetes
make WHAT=cmd/kube-apiserver
mkdir -p "$target"
cp _output/local/bin/linux/*/kube-apiserver "$target/"
