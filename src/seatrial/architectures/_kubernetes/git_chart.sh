#!/bin/sh
# Installs one Helm chart from exactly the commit that is named, whose id is a hash of all that is in it.
# Each of its steps may be done again.
set -eu
[ $# -eq 6 ] || {
    echo "usage: sh git_chart.sh NAME REPOSITORY COMMIT FOLDER NAMESPACE CONTEXT" >&2
    exit 2
}
name=$1 repository=$2 commit=$3 chart=$4 namespace=$5 context=$6

fail() { # What is wrong, and how to go on.
    echo "git_chart.sh: $name: $1; $2" >&2
    exit 1
}

[ -f "$name.yaml" ] || fail "there is no $name.yaml here" "start it in the folder that holds the chart's values"
for program in helm git; do
    command -v "$program" >/dev/null || fail "there is no $program" "install it"
done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

git init --quiet "$folder"
git -C "$folder" fetch --quiet --depth=1 "$repository" "$commit" ||
    fail "commit $commit of $repository could not be fetched" "see above, and run it again: nothing was changed"
found=$(git -C "$folder" rev-parse FETCH_HEAD)
[ "$found" = "$commit" ] || fail "the commit is $found instead of $commit" "nothing was installed: name a whole id"
git -C "$folder" checkout --quiet FETCH_HEAD
[ -f "$folder/$chart/Chart.yaml" ] || fail "there is no chart in $chart of that commit" "nothing was installed"

helm upgrade "$name" "$folder/$chart" --install --kube-context "$context" --namespace "$namespace" \
    --values "$name.yaml" --wait --timeout 10m ||
    fail "helm could not install it" "see above; kubectl --context $context --namespace $namespace get events"
