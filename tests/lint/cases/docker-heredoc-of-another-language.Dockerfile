# expect: nothing
FROM python:3.12.4
RUN <<EOF
#!/usr/bin/env python3
for name in ("a", "b"):
    print(f"{name}: {1 << 2}")
EOF
RUN python3 - <<EOF
import sys; print({"x": [1, 2]}, file=sys.stderr)
EOF
RUN echo $((1<<2)) && echo \ 
    done
