#!/bin/bash
# expect: FAIL shell.broken-continuation 5
# expect: FAIL shell.broken-continuation 8
# expect: nothing
python evaluate.py --model a \\
  --tasks b
python evaluate.py --model a \
  --limit 1 \ 
  --tasks b
cat > /tmp/table.tex <<'EOT'
a & b \\
-c & d
EOT
printf '%s' 'a & b \\' 'c'
printf '%s\\n' a \\
echo b
