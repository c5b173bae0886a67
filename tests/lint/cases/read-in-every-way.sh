#!/bin/bash
# expect: nothing
IFS=': ' read -r host port <<< "worker-0: 29500"
printf -v stamp '%(%F)T' -1
mapfile -t lines < hosts.txt
declare -n alias=lines
while getopts "o:" flag; do
  case $flag in o) out=$OPTARG ;; esac
done
coproc feed { cat hosts.txt; }
exec {log}> run.log
let "total = 2 + 3"
select choice in a b; do break; done
(( half = total / 2 ))
echo "$host $port $stamp ${lines[0]} ${alias[1]} $flag $out $feed $total $choice $half" >&"$log"
