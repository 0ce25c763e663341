#!/usr/bin/env bash
# Compares includes with what the layers may use. Standard input, from the Makefile:
#   layer FOLDER USED…          a layer and the layers it may include
#   header PREFIX PATTERN…      a third-party header and the sources (% = any) that may have it
# Prints each include that is not allowed; status 1 if there is one.
set -eu
tab=$(printf '\t')
rules=$(cat)
{
  printf '%s\n' "$rules"
  git ls-files --cached --others --exclude-standard -- 'src/*.cc' 'src/*.h' 'expand/*.cc' 'expand/*.h' 'drivers/*.cc' 'drivers/*.h' |
    xargs grep -nE '^[[:space:]]*#[[:space:]]*include' /dev/null |
    sed -E "s/^([^:]+):([0-9]+):[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]([^>\"]+)[>\"].*/include$tab\1$tab\2$tab\3/"
} | awk -F"$tab" '
  function layer_of(path,   best, l) {
    best = ""
    for (l in layer) if (index(path, l "/") == 1 && length(l) > length(best)) best = l
    return best
  }
  function like(path, pattern,   at) {
    at = index(pattern, "%")
    if (!at) return path == pattern
    return index(path, substr(pattern, 1, at - 1)) == 1 &&
           substr(path, length(path) - length(pattern) + at + 1) == substr(pattern, at + 1)
  }
  function complain(text) { print $2 ":" $3 ": " text; bad = 1 }
  $1 !~ /^include$/ {
    n = split($0, word, " ")
    if (word[1] == "layer") { layer[word[2]] = 1; for (i = 3; i <= n; i++) may[word[2], word[i]] = 1 }
    if (word[1] == "header") { header[word[2]] = $0 }
    next
  }
  {
    mine = layer_of($2); theirs = layer_of($4)
    if (mine != "" && theirs != "" && mine != theirs && !((mine, theirs) in may))
      complain(mine " may not include \"" $4 "\"")
    for (h in header) if (index($4, h) == 1) {
      n = split(header[h], word, " "); fine = 0
      for (i = 3; i <= n; i++) if (like($2, word[i])) fine = 1
      if (!fine) complain("<" $4 "> belongs only in " substr(header[h], index(header[h], word[3])))
    }
  }
  END { exit bad }'
