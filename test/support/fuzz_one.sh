#!/usr/bin/env bash
# Gives one fuzz target its time: fuzz_one.sh PROGRAM SECONDS
# Seeds: test/fuzz/NAME.seeds/ and, for the expansion language, the golden files.
set -eu
name=$(basename "$1")
work=build/fuzz/work/$name
mkdir -p "$work/corpus"
seeds=("$work/corpus")
[ ! -d "test/fuzz/$name.seeds" ] || seeds+=("test/fuzz/$name.seeds")
# A text for each seed: whole files make a target some ten times as slow.
if [[ $name == expand* ]]; then
  rm -rf "$work/texts"
  mkdir -p "$work/texts"
  cat test/expand/golden/*.golden test/expand/reference/*.golden | grep '^expand  ' | sort -u |
    awk -v directory="$work/texts" '{ file = directory "/" NR; print > file; close(file) }'
  seeds+=("$work/texts")
fi
dictionary=()
[ ! -f "test/fuzz/$name.dict" ] || dictionary=("-dict=test/fuzz/$name.dict")
# What has been done is added up over all runs: seconds of CPU time, inputs, outcome.
ledger=build/fuzz/work/ledger
outcome=good
echo "fuzz $name: $2 s"
TIMEFORMAT='%U'
seconds=$({ time "$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
  -artifact_prefix="$work/" "${dictionary[@]}" "${seeds[@]}" >"$work/log" 2>&1; } 2>&1) || outcome=failed
executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log" | tail -n 1)
printf '%s %s %s %s %s\n' "$(date -u +%FT%T)" "$name" "$seconds" "${executions:-0}" "$outcome" >>"$ledger"
if [ $outcome = failed ]; then
  tail -n 40 "$work/log"
  echo "fuzz $name: failed; the input is in $work" >&2
  exit 1
fi
echo "number_of_executed_units: ${executions:-0}"
