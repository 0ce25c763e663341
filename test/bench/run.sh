#!/usr/bin/env bash
# Runs the benchmarks, prints their tables, and says what was promised and is kept.
#
#   run.sh PROGRAM…   runs them; the tables are also in build/bench/table.md
#   run.sh paste      puts that file between the markers in doc/performance.md
#
# BENCH=quick takes few rounds: a look, not figures.
set -eu -o pipefail

out=build/bench
page=doc/performance.md

if [ "${1:-}" = paste ]; then
  [ -s $out/table.md ] || { echo "run.sh: no $out/table.md; \"make bench\" writes it" >&2; exit 1; }
  awk -v table=$out/table.md '
    /^<!-- tables: end/ { inside = 0 }
    !inside { print }
    /^<!-- tables: begin/ { inside = 1; while ((getline line < table) > 0) print line }
  ' $page > $out/page.md
  cat $out/page.md > $page
  exit
fi

mkdir -p $out
figures=$PWD/$out/figures
: > "$figures"

# --- where and with what ----------------------------------------------------------------------

peers=build/peers
libraries=$peers/usr/lib/x86_64-linux-gnu
[ -d $libraries ] || libraries=$(echo $peers/usr/lib/*-linux-gnu)
export_path=$libraries:$peers/usr/lib/postfix:$peers/usr/lib/dovecot
version() { # command, expression of what stands before and behind the version
  LD_LIBRARY_PATH=$export_path "$@" 2>&1 || true
}
first_match() { sed -n "s/$1/\1/p" | head -n 1; }

versions() {
  echo "GnuTLS $(pkg-config --modversion gnutls 2>/dev/null)"
  echo "Exim $(zcat $peers/usr/share/doc/exim4-base/changelog.Debian.gz 2>/dev/null |
    first_match '^exim4 (\([^)-]*\).*')"
  echo "Postfix $(version $peers/usr/sbin/postconf -c $out -d mail_version | first_match 'mail_version = \(.*\)')"
  echo "nginx $(version $peers/usr/sbin/nginx -v | first_match '.*nginx\/\(.*\)')"
  echo "HAProxy $(version $peers/usr/sbin/haproxy -v | first_match '^HAProxy version \([^- ]*\).*')"
  echo "Dovecot $(version $peers/usr/sbin/dovecot --version | first_match '^\([0-9.]*\).*')"
  echo "OpenLDAP $(version $peers/usr/sbin/slapd -VV | first_match '.*slapd \([0-9.]*\).*')"
  echo "clients: $(openssl version | first_match '\(OpenSSL [^ ]*\).*')"
}

machine() {
  local dirty=
  [ -z "$(git status --porcelain 2>/dev/null | head -n 1)" ] || dirty=", changed since"
  echo "| | |"
  echo "|---|---|"
  echo "| machine | $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) processors |"
  echo "| kernel | $(uname -sr), load $(cut -d ' ' -f 1 /proc/loadavg) at the beginning |"
  echo "| revision | $(git log -1 --format='%h of %as' 2>/dev/null || echo unknown)$dirty, ${SIGNET_VARIANT:-release} |"
  echo "| versions | $(versions | paste -sd ',' | sed 's/,/, /g') |"
  [ "${BENCH:-}" != quick ] || echo "| rounds | few: \`BENCH=quick\` |"
  echo
}

# --- what is promised ---------------------------------------------------------------------------

# figure | must be | limit | digits | unit | what
promises() {
  cat <<'LIST'
first_of_bare|<=|1.15|2| ×|CPU of a session, chain not seen before, of the bare loop's that verifies
first_ldap_of_bare|<=|1.15|2| ×|the same with its directory search, which the bare loop has not
exim_of_first|>=|3|1| ×|CPU of Exim's session with LDAP, of Signet's, chain not seen before
exim_of_known|>=|7|1| ×|the same, chain seen before
nginx_of_known|>=|2|1| ×|CPU of nginx's session, of Signet's with LDAP, chain seen before
haproxy_of_known|>=|2|1| ×|CPU of HAProxy's session, of the same
key_process_of_known|<=|1.05|2| ×|CPU of a session with the private key in a process of its own, of one without
prompt_one_100|<=|30|1| ms|an established session's NOOP, p99, beside 100 that shake hands
prompt_one_200|<=|30|1| ms|the same beside 200
ldap_us|<=|12|1| µs|CPU of a directory search, 64 at once
idle_kib|<=|18|1| KiB|an idle TLS session, the most of them held
example_ns|<=|1000|0| ns|the manual's three expressions
exim_of_example|>=|8|1| ×|Exim's time for these, of Signet's
start_ms|<=|50|1| ms|start with a configuration of 1,000 lines
reload_dropped|<=|0|0||sessions that reloading dropped or refused
grown_idle|<=|1.15|2| ×|cost of a session beside the most idle ones, of that beside few
grown_accounts|<=|1.15|2| ×|cost of a session with 1,000 accounts and certificates, of that with one
grown_crl|<=|1.15|2| ×|cost of a session with 50,000 revocations, of that with 10
LIST
}

promised() {
  echo "### What must be reached"
  echo
  echo "| | must reach | measured | met |"
  echo "|---|---|---|---|"
  promises | awk -F '|' -v figures="$figures" '
    BEGIN { while ((getline line < figures) > 0) { split(line, word, " "); value[word[1]] = word[2] } }
    {
      must = ($2 == "<=" ? "≤ " : "≥ ") $3 $5
      if (!($1 in value)) { printf "| %s | %s | not measured | |\n", $6, must; next }
      met = $2 == "<=" ? value[$1] + 0 <= $3 + 0 : value[$1] + 0 >= $3 + 0
      printf "| %s | %s | %.*f%s | %s |\n", $6, must, $4, value[$1], $5, met ? "yes" : "**no**"
    }'
  echo
}

# --- all of it --------------------------------------------------------------------------------

begun=$(date +%s)
machine | tee $out/machine.md
for program in "$@"; do
  echo "$(basename "$program") …" >&2
  SIGNET_BENCH_FIGURES=$figures "$program"
done | tee $out/tables.md
# Which part of the program the time goes to, where the kernel's profiler is installed.
if [ "${BENCH:-}" != quick ] && command -v perf >/dev/null; then
  build/"${SIGNET_VARIANT:-release}"/test/bench/sessions_bench parts | tee -a $out/tables.md
fi
promised | tee $out/promised.md
cat $out/{machine,promised,tables}.md > $out/table.md
echo "$(($(date +%s) - begun)) s; the tables are in $out/table.md" >&2
