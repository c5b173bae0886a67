#!/bin/sh
# Installs one Helm chart from exactly the archive that is expected, or nothing. Each of its steps may be done again.
set -eu
[ $# -eq 6 ] || {
    echo "usage: sh chart.sh NAME REFERENCE VERSION SHA256 NAMESPACE CONTEXT" >&2
    exit 2
}
name=$1 reference=$2 version=$3 expected=$4 namespace=$5 context=$6

fail() { # What is wrong, and how to go on.
    echo "chart.sh: $name $version: $1; $2" >&2
    exit 1
}

[ -f "$name.yaml" ] || fail "there is no $name.yaml here" "start it in the folder that holds the chart's values"
for program in helm sha256sum; do
    command -v "$program" >/dev/null || fail "there is no $program" "install it: https://helm.sh/docs/intro/install"
done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

helm pull "$reference" --version "$version" --destination "$folder" ||
    fail "$reference could not be pulled" "see above, and run it again: nothing was changed"
archive=$(find "$folder" -type f -name '*.tgz')
[ -f "$archive" ] || fail "helm pulled something else than one archive" "try another release of helm"
found=$(sha256sum "$archive" | cut -d ' ' -f 1)

if [ "$expected" = unknown ]; then
    echo "chart.sh: $name $version: its sha256 is $found, which is compared with nothing: none is pinned" >&2
elif [ "$found" != "$expected" ]; then
    fail "the archive has sha256 $found instead of $expected" "nothing was installed: find out who changed it"
fi

helm upgrade "$name" "$archive" --install --kube-context "$context" --namespace "$namespace" --create-namespace \
    --values "$name.yaml" --wait --timeout 10m ||
    fail "helm could not install it" "see above; kubectl --context $context --namespace $namespace get events"
