#!/usr/bin/env bash
# Line coverage per source, worst first: coverage.sh BUILD LAYER…
set -eu
build=$1
shift
for layer in "$@"; do
  for object in "$build/$layer"/*.gcda; do
    [ -f "$object" ] || continue
    gcov -n "$object" 2>/dev/null | awk -v want="$layer/" '
      /^File /{file = $2; gsub(/\x27/, "", file)}
      /^Lines executed/{if (index(file, want) == 1 && file ~ /\.cc$/) {
        split($2, part, /[:%]/); printf "%6.1f%%  %s\n", part[2], file}}'
  done
done | sort -k2 -u | sort -n
