#!/usr/bin/env bash
# Rule R2: lists the limits of a header that no test is about. A test is about a limit where it
# says its name, or where the table says which test meets it under other words. Lines of the
# table: "NAME FILE WORDS…", the words being those of a test in that file, or "NAME - REASON".
set -eu
header=$1
table=$2
missing=0
say() {
  echo "$1"
  missing=1
}
names=$(sed -nE 's/^inline constexpr .* (k[A-Z][A-Za-z0-9]*)[ ={].*/\1/p' "$header" | sort -u)
tested=$(grep -rhoE '\bk[A-Z][A-Za-z0-9]+\b' --include='*.cc' --include='*.h' --include='*_test.c' test | sort -u)
for name in $names; do
  line=$(grep -E "^$name " "$table" || true)
  if grep -qx "$name" <<< "$tested"; then
    [ -z "$line" ] || say "$name: a test names it, so its line in $table is of no use"
    continue
  fi
  read -r _ file words <<< "$line"
  if [ -z "$line" ]; then
    say "$name: no test names it, and it is not in $table"
  elif [ "$file" != - ] && ! grep -qF -- "$words" "$file"; then
    say "$name: there is no \"$words\" in $file"
  fi
done
for name in $(grep -oE '^k[A-Za-z0-9]+' "$table"); do
  grep -qx "$name" <<< "$names" || say "$name: is in $table, and no limit"
done
exit $missing
