#!/bin/bash
# expect: nothing
month=09 year=2026 text=abcdef width=2 total=100 workers=8 size=(a b c)
serial=$(( year * 12 + 10#$month ))
tail="${text:$width+1}" pair=("${size[@]:$width:1}")
: "${batch:=$(( (total + ${workers} - 1) / ${workers} ))}"
if ! home=$(old=$(pwd) 2>&1); then exit 1; fi
for argument do
  echo "$argument"
done
cat <<\EOF ||
text ' with a quote
EOF
echo "$serial $tail ${pair[*]} $batch $home"
