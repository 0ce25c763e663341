#!/usr/bin/env bash
# Runs test programs, several at once, and adds up what they say.
#
#   run_tests.sh LOGDIR PROGRAM…
#
# GoogleTest and cmocka mark their tests in the same way, so one count serves both. A
# program that crashes, hangs or fails without naming a test counts as one failure. Prints
# the output of programs that failed. The last line is "N passed, N failed".
set -u
logs=$1
shift
limit=${SIGNET_TEST_SECONDS:-300}
jobs=${SIGNET_TEST_JOBS:-$(nproc)}
rm -rf "$logs"
mkdir -p "$logs"

run_one() {  # program
  local name log status
  name=${1##*/test/}
  name=${name//\//_}
  log=$logs/$name
  timeout --kill-after=10 "$limit" "$1" >"$log" 2>&1 </dev/null
  status=$?
  echo "$status" >"$log.status"
}

for program in "$@"; do
  while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
  run_one "$program" &
done
wait

passed=0 failed=0 skipped=0
for program in "$@"; do
  name=${program##*/test/}
  name=${name//\//_}
  log=$logs/$name
  status=$(cat "$log.status")
  ok=$(grep -ac '^\[       OK \]' "$log")
  bad=$(grep -acE '^\[  FAILED  \] .*\([0-9]+ ms\)$|^\[  FAILED  \] [a-z_0-9]+$' "$log")
  skip=$(grep -acE '^\[  SKIPPED \] .*\([0-9]+ ms\)$' "$log")
  # cmocka lists its failures twice.
  case $program in */cabi/*) bad=$(grep -a '^\[  FAILED  \] [a-z_0-9]*$' "$log" | sort -u | wc -l) ;; esac
  note=
  if [ "$status" = 124 ] || [ "$status" = 137 ]; then
    bad=$((bad + 1)) note=", not finished after $limit s"
  elif [ "$status" != 0 ] && [ "$bad" = 0 ]; then
    bad=1 note=", ended with status $status"
  elif [ "$status" = 0 ] && [ "$ok" = 0 ]; then
    bad=1 note=", ran no test"
  fi
  passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
  printf '%-36s %5d passed, %d failed%s\n' "$name" "$ok" "$bad" "$note"
  if [ "$bad" != 0 ]; then
    if [ "$(wc -c <"$log")" -gt 60000 ]; then
      echo "… (all of it: $log)"
      tail -c 60000 "$log"
    else
      grep -av '^\[       OK \]\|^\[ RUN      \]' "$log"
    fi
  fi
done
[ "$skipped" = 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
