#!/usr/bin/env bash
# Lists the rules of doc/security.md (lines "| I3 | …") that no test is named after
# ("RuleI3…"). A rule marked "later" in its last column is listed, and is no failure.
set -eu
document=$1
[ -f "$document" ] || { echo "check-rules: $document is missing" >&2; exit 1; }
missing=0
while read -r rule later; do
  grep -rqE "Rule${rule}[^0-9]" test && continue
  if [ "$later" = later ]; then
    echo "rule $rule: later"
  else
    echo "rule $rule has no test named Rule$rule…"
    missing=1
  fi
done < <(sed -nE 's/^\| ([A-Z][0-9]+) \|(.*)$/\1 \2/p' "$document" |
  awk '{print $1, ($0 ~ /\| later \|$/ ? "later" : "-")}')
exit $missing
