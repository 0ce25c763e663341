#!/usr/bin/env bash
# Finds and installs the Debian packages that building and testing need.
#
#   packages.sh check TIER…     names what is missing and what it is for; status 1 if any
#   packages.sh install TIER…   installs what is missing (apt-get, with sudo if not root)
#   packages.sh peers DIR       unpacks the servers that tests talk to under DIR
#
# Tiers: build, test, style, bench, fuzz, deb. Packages of peers would start a service or take
# the place of the machine's own mail server when installed, so they are only downloaded
# and unpacked.
set -eu -o pipefail

table() {
  cat <<'TABLE'
build g++                   compiler for C++20
build binutils              ar and ld
build libc6-dev             C library headers
build libgnutls28-dev       TLS and X.509
build libldap-dev           LDAP messages
build libpcre2-dev          regular expressions
build libidn2-dev           internationalised domain names
build libcrypt-dev          password hashes
build libcdb-dev            constant databases for lookups
build libdb5.3-dev          Berkeley DB files for lookups
build libjansson-dev        JSON for lookups
build libsqlite3-dev        SQLite for lookups
build libcurl4-gnutls-dev   HTTP for lookups
build libseccomp-dev        filter of system calls
build libedit-dev           editing of lines typed for `signet expand`
build libmicrohttpd-dev     HTTP for those who fetch metrics
build libboost-context-dev  switching between the stacks of coroutines
test  libgtest-dev          test framework
test  libgmock-dev          matchers of the test framework
test  gnutls-bin            gnutls-cli, a TLS client of another make
test  openssl               openssl s_client, a TLS client of another make
test  swaks                 SMTP client
test  libnet-ssleay-perl    TLS for swaks
test  msmtp                 SMTP client
test  curl                  SMTP client
test  gsasl                 SMTP client of SASL mechanisms, bound to TLS too
test  libcmocka-dev         the tests of the driver ABI against the real cmocka
test  python3               SMTP client, with its own smtplib
test  ldap-utils            ldapsearch and ldapmodify
test  tinycdb               cdb, which makes constant databases
test  sqlite3               the shell of SQLite, which makes databases
test  logrotate             rotation of logs
test  perl                  eximstats and exigrep of the peers
test  zsh                   completion of command lines in a real shell
test  fish                  likewise; bash is there
test  bsdutils              script, a terminal for these shells
test  mandoc                the manual pages, checked
test  groff                 the manual pages, formatted
test  procps                ps, for the demonstration
test  tinycdb               cdb, which makes files for the tests of lookups
test  sqlite3               sqlite3, likewise
test  db5.3-util            db5.3_load, likewise
test  pkg-config            flags of an installed Signet, for drivers built outside
style clang-format-14       formatting of sources
bench libssl-dev            load generator, with a TLS library that is not the server's
fuzz  clang-14              compiler with libFuzzer
deb   debhelper             Debian packages
deb   dh-apparmor           loading the profile when the package is installed
deb   dpkg-dev              dpkg-buildpackage
test  debhelper             Debian packages, which a test makes and installs
test  dh-apparmor           likewise
test  dpkg-dev              likewise
test  lintian               the packages, checked
test  debootstrap           a Debian to install the packages in
test  apparmor              apparmor_parser, which checks the profile
test  systemd               systemd-analyze, which checks the unit
TABLE
}

# What is unpacked, not installed: a directory, Redis, Dovecot, HAProxy, four upstreams, what
# Exim needs to know a user that this machine has not, Prometheus, which watches, and two more
# that the benchmark measures.
peers="slapd exim4-daemon-heavy libnss-wrapper redis-server dovecot-core dovecot-lmtpd postfix libuid-wrapper opensmtpd haproxy exim4-base prometheus libnginx-mod-mail dovecot-submissiond"

installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Lines "package purpose" of the given tiers that are not installed.
missing() {
  local tier package purpose
  while read -r tier package purpose; do
    case " $* " in *" $tier "*) ;; *) continue ;; esac
    installed "$package" || printf '%-22s %s\n' "$package" "$purpose"
  done < <(table)
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo -n "$@"; else return 1; fi
}

# Package lists are refreshed once, and only when something has to be fetched.
updated=
update_lists() {
  [ -z "$updated" ] || return 0
  updated=1
  as_root apt-get -qq update >/dev/null 2>&1 || true
}

give_up() {  # text, list
  {
    echo "signet: $1"
    printf '%s\n' "$2" | sed 's/^/  /'
    echo "Install them as root: apt-get install $(printf '%s\n' "$2" | awk '{printf "%s ", $1}')"
  } >&2
  exit 1
}

case "${1:-}" in
check)
  shift
  command -v dpkg-query >/dev/null || exit 0  # another distribution: the compiler will tell
  list=$(missing "$@")
  [ -z "$list" ] || give_up "these packages are missing (\"make deps\" installs them):" "$list"
  ;;

install)
  shift
  if ! command -v dpkg-query >/dev/null; then
    echo "signet: not a Debian system; these packages or their like are needed:" >&2
    table >&2
    exit 0
  fi
  list=$(missing "$@")
  [ -n "$list" ] || exit 0
  echo "Installing:"
  printf '%s\n' "$list" | sed 's/^/  /'
  update_lists
  # shellcheck disable=SC2046
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
    -o Dpkg::Use-Pty=0 install $(printf '%s\n' "$list" | awk '{print $1}') >/dev/null ||
    give_up "could not install these packages (neither root nor sudo, or apt-get failed):" "$list"
  list=$(missing "$@")
  [ -z "$list" ] || give_up "still missing after apt-get:" "$list"
  ;;

peers)
  root=$2
  # What is unpacked already stays, as tests may be using it; only the rest is fetched.
  present=$(cat "$root/.complete" 2>/dev/null || true)
  wanted=
  for p in $peers; do
    case " $present " in *" $p "*) ;; *) wanted="$wanted $p" ;; esac
  done
  [ -n "$wanted" ] || exit 0
  command -v apt-get >/dev/null || { echo "signet: peers need apt-get; those tests will fail" >&2; exit 1; }
  rm -rf "$root/.download"
  mkdir -p "$root/.download"
  # What apt-get would install: the package and those of its libraries that are not here.
  needed() {
    local p
    for p in $wanted; do
      if installed "$p"; then echo "$p"; fi
      apt-get -s --no-install-recommends install "$p" 2>/dev/null | awk '/^Inst /{print $2}'
    done | grep -v -e '^exim4-config$' -e '^mysql-common$' -e '^mariadb-common$' | sort -u
  }
  # The sandbox user of apt-get could not write here; root downloads as itself.
  fetch() {
    local list
    list=$(needed) || true
    [ "$(echo "$list" | wc -l)" -ge "$(echo "$wanted" | wc -w)" ] || return 1
    # shellcheck disable=SC2086
    (cd "$root/.download" && apt-get -qq -o APT::Sandbox::User=root download $list >/dev/null 2>&1)
  }
  echo "Unpacking peers for the tests:$wanted"
  if ! fetch; then
    update_lists
    fetch || give_up "could not download the servers that tests talk to:" \
      "$(printf '%s\n' $wanted | sed 's/$/  peer in tests/')"
  fi
  for file in "$root"/.download/*.deb; do dpkg-deb -x "$file" "$root"; done
  rm -rf "$root/.download"
  chmod u-s "$root/usr/sbin/exim4"  # runs as whoever runs the tests
  for program in usr/sbin/slapd usr/sbin/exim4 usr/bin/redis-server usr/sbin/dovecot \
    usr/sbin/haproxy usr/bin/prometheus usr/bin/promtool usr/sbin/nginx; do
    [ -x "$root/$program" ] || { echo "signet: $program is not among the unpacked peers" >&2; exit 1; }
  done
  # Those of other lists stay noted beside ours.
  echo "$(printf '%s\n' $present $peers | sort -u | paste -sd ' ')" > "$root/.complete"
  ;;

*)
  sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
  exit 2
  ;;
esac
