#!/bin/bash
# expect: nothing
. /etc/os-release
curl -fsS -o key.gpg "https://packages.example.com/${ID}/${VERSION_ID}/key.gpg"
