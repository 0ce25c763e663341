#!/usr/bin/env bash
# The demonstration: a private directory, the gateway with the example configuration, a
# server that stores mail, and a real client with four kinds of certificate. Everything is
# below build/demo and on loopback, and ends with this script.
#
#   ONCE=1      ends after the demonstration; status 0 only if all of it went as told
set -u
cd "$(dirname "$0")/../.."
build=$PWD/build/${SIGNET_VARIANT:-release}
peers=$PWD/build/peers
demo=$PWD/build/demo
signet=$build/signet
once=${ONCE:-}

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else bold= dim= red= green= plain=; fi

started=()  # process ids of ours
stop_all() {
  trap - EXIT INT TERM HUP
  local pid
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; done
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null; done
}
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

title() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
give_up() { printf '%ssignet: %s%s\n' "$red" "$1" "$plain" >&2; shift; [ $# = 0 ] || tail -n 20 "$@" >&2; exit 1; }

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_port() {  # the first of these and the following ports on which nobody listens
  local port=$1
  while listens "$port"; do port=$((port + 1)); done
  echo "$port"
}
wait_until() {  # process id, its log, command…
  local i pid=$1 log=$2
  shift 2
  for ((i = 0; i < 300; i++)); do
    kill -0 "$pid" 2>/dev/null || give_up "a server ended at once:" "$log"
    "$@" && return
    sleep 0.1
  done
  give_up "a server did not start:" "$log"
}
wait_for_start() { wait_until "$1" "$2" grep -qs 'daemon started' "$2"; }

rm -rf "$demo"
mkdir -p "$demo/directory/db" "$demo/mail"
starttls_port=$(free_port 10587)
tls_port=$(free_port 10465)
store_port=$(free_port 10025)
ldap_port=$(free_port 10389)

# --- certificates ---------------------------------------------------------------------------
title "Certificates of a demonstration authority: build/demo/certificates"
"$build/test/support/make_certificates" "$demo/certificates" || give_up "no certificates"
certificates=$demo/certificates

# --- directory ------------------------------------------------------------------------------
title "A directory with a few accounts: ldap://127.0.0.1:$ldap_port"
fill() {  # template, result
  sed -e "s|@PEERS@|$peers|g" -e "s|@ROOT@|$PWD|g" -e "s|@DIRECTORY@|$demo/directory|g" "$1" >"$2"
}
libraries=$(printf "%s:" "$peers"/usr/lib/*linux-gnu* "$peers"/lib/*linux-gnu* "$peers/usr/lib")
fill test/support/slapd.conf "$demo/directory/slapd.conf"
LD_LIBRARY_PATH=$libraries "$peers/usr/sbin/slapadd" -f "$demo/directory/slapd.conf" \
  -l test/support/directory.ldif >"$demo/directory/log" 2>&1 || give_up "slapadd:" "$demo/directory/log"
LD_LIBRARY_PATH=$libraries "$peers/usr/sbin/slapd" -f "$demo/directory/slapd.conf" -d 0 \
  -h "ldap://127.0.0.1:$ldap_port" >>"$demo/directory/log" 2>&1 &
started+=($!)
wait_until $! "$demo/directory/log" listens "$ldap_port"
grep '^mail' test/support/directory.ldif | paste -d' ' - - | sed -n '1,3s/^/  /p'

# --- where mail goes ------------------------------------------------------------------------
# Stands for your mail server: a second gateway that puts what it gets into a Maildir.
cat >"$demo/store.conf" <<END
primary_hostname = store.example.org
local_interfaces = 127.0.0.1
daemon_smtp_ports = $store_port
acl_smtp_rcpt = local
begin acl
local:
  accept hosts = 127.0.0.1
begin routers
all:
  driver = accept
  transport = maildir
begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = $demo/mail
END
"$signet" serve -C "$demo/store.conf" >"$demo/store.log" 2>&1 &
started+=($!)
wait_for_start $! "$demo/store.log"
title "A server that stands for your MTA: 127.0.0.1:$store_port, into build/demo/mail"

# --- the gateway ----------------------------------------------------------------------------
sed -e "s|587 : 465|$starttls_port : $tls_port|" -e "s|^tls_on_connect_ports.*|tls_on_connect_ports = $tls_port|" \
  -e "s|/etc/signet|$certificates|" -e "s|ldap.example.org|127.0.0.1::$ldap_port|" \
  -e "s|127.0.0.1::10025|127.0.0.1::$store_port|" \
  -e "s|^primary_hostname .*|primary_hostname     = localhost|" -e "2i local_interfaces     = 127.0.0.1" \
  -e "2i control_socket       = $demo/control" doc/examples/exim-manual.conf >"$demo/signet.conf"
"$signet" check -C "$demo/signet.conf" >"$demo/check.log" 2>&1 || give_up "signet check:" "$demo/check.log"
log=$demo/signet.log
"$signet" serve -C "$demo/signet.conf" >"$log" 2>&1 &
gateway=$!
started+=("$gateway")
wait_for_start "$gateway" "$log"
title "The gateway (build/demo/signet.conf): 127.0.0.1:$starttls_port with STARTTLS, :$tls_port with TLS at once"

# --- clients --------------------------------------------------------------------------------
failures=0
tell() {  # "good" or "bad", text
  if [ "$1" = good ]; then printf '  %s✔ %s%s\n' "$green" "$2" "$plain"
  else printf '  %s✘ %s%s\n' "$red" "$2" "$plain"; failures=$((failures + 1)); fi
}
expect() {  # text, pattern, file: the pattern is there
  if grep -qaE -- "$2" "$3"; then tell good "$1"; else tell bad "$1: no \"$2\" there"; fi
}
expect_not() {
  if grep -qaE -- "$2" "$3"; then tell bad "$1: there is \"$(grep -aoE -m1 -- "$2.*" "$3")\""; else tell good "$1"; fi
}
submit() {  # name, sender, port option…
  local name=$1 sender=$2 transcript=$demo/session-$1
  shift 2
  local files=()
  [ "$name" = nobody ] || files=(--tls-cert "$certificates/$name.pem" --tls-key "$certificates/$name.key"
    --tls-ca-path "$certificates/chain.pem")
  timeout 60 swaks --server 127.0.0.1 "$@" "${files[@]}" --from "$sender" --to someone@example.net \
    --ehlo client.example.org --header "Subject: from $name" --body 'It arrived.' \
    >"$transcript" 2>&1
  # Commands and replies; "~" marks what went through TLS. The message itself is left out.
  sed -nE -e "s/^(<[-~*]*) +(.*)/  $dim\1$plain \2/p" -e "s/^ ?([-~]>) (EHLO|STARTTLS|MAIL|RCPT|DATA|QUIT|\.)(.*)/  $dim\1$plain $bold\2\3$plain/p" \
    -e "s/^=== (TLS started.*|TLS peer.*)/  $dim\1$plain/p" "$transcript"
}
lines_before() { grep -aE '^(<-| ->|=== TLS started)' "$1" | sed '/TLS started/q'; }
lines_after() { sed -n '/TLS started/,$p' "$1" | grep -aE '^(<~|<\*| ~>)'; }

title "1. Alice's certificate says alice@example.org, and the directory knows her"
submit alice alice@example.org --port "$starttls_port" --tls
lines_before "$demo/session-alice" >"$demo/before"
lines_after "$demo/session-alice" >"$demo/after"
expect "STARTTLS is offered before TLS" '250.STARTTLS' "$demo/before"
expect_not "no AUTH before TLS" '250.AUTH' "$demo/before"
expect_not "no AUTH after it: she is authenticated already" '250.AUTH' "$demo/after"
expect "the message is accepted" '^<~  250 2\.0\.0 ' "$demo/session-alice"
expect "the log names the account" ' <= alice@example.org .* P=esmtpsa .* A=tls:alice@example.org ' "$log"
message=$(find "$demo/mail/new" -type f 2>/dev/null | head -n 1)
if [ -n "$message" ] && grep -q 'Subject: from alice' "$message"; then tell good "the message lies in ${message#"$PWD/"}"
else tell bad "the message lies in build/demo/mail/new"; fi

title "2. The same on the port where TLS begins at once"
submit alice alice@example.org --port "$tls_port" --tlsc >"$demo/shown"
grep -a 'RCPT\|250 ' "$demo/shown" | tail -n 4
expect "accepted" '^<~  250 2\.0\.0 ' "$demo/session-alice"

refused() {  # title, name, reason in the log
  title "$1"
  submit "$2" "${4:-$2@example.org}" --port "$starttls_port" --tls >"$demo/shown"
  grep -a 'MAIL\|RCPT\|5[0-9][0-9] ' "$demo/shown"
  expect "refused at RCPT" '^<~\* 550 5\.7\.1 relaying needs a client certificate' "$demo/session-$2"
  expect "the log says: $3" "$3" "$log"
}
refused "3. Mallory's certificate is as good, but the directory has no such account" mallory \
  'tls authenticator failed .*mallory@example.org'
refused "4. A self-signed certificate that says alice@example.org" selfsigned \
  'X=.* CV=no .*F=<alice@example.org> rejected RCPT' alice@example.org
refused "5. No certificate" nobody 'F=<nobody@example.org> rejected RCPT'

title "What the gateway logged (build/demo/signet.log)"
sed 's/^/  /' "$log"

title "Asked without any client: what does a certificate get?"
question='${certextract{subj_altname,mail}{$tls_in_peercert}}'
echo "  $ signet expand --cert alice.pem '$question'"
answer=$("$signet" expand -C "$demo/signet.conf" --cert "$certificates/alice.pem" "$question")
echo "  $answer"
[ "$answer" = alice@example.org ] || tell bad "signet expand"

title "Why was Mallory refused? The reference in the reply leads to the decision"
reference=$(sed -n 's/.*mallory@example.org.* REF=//p' "$log" | tail -n 1)
echo "  $ signet why $reference"
"$signet" why -C "$demo/signet.conf" "$reference" >"$demo/shown" || tell bad "signet why"
sed -n '1,/^$/s/^/  /p' "$demo/shown"
expect "it is the authenticator" 'the authenticator tls said no' "$demo/shown"

title "What would a self-signed certificate get, without a client?"
echo "  $ signet explain --cert selfsigned.pem --from alice@example.org --to someone@example.net"
"$signet" explain -C "$demo/signet.conf" --cert "$certificates/selfsigned.pem" \
  --from alice@example.org --to someone@example.net >"$demo/shown"
[ $? = 1 ] || tell bad "signet explain"
sed -n '1,/^$/s/^/  /p' "$demo/shown"
expect "it is the authority" 'unknown CA' "$demo/shown"

if [ -n "$message" ]; then title "The message as it arrived: ${message#"$PWD/"}"; sed 's/^/  /' "$message"; fi

if [ "$failures" != 0 ]; then printf '\n%s%s%s\n' "$red" "$failures of these did not go as told" "$plain"
else printf '\n%s%s%s\n' "$green" "All of it went as told." "$plain"; fi
if [ -n "$once" ]; then [ "$failures" = 0 ]; exit; fi

cat <<END

${bold}The gateway goes on running. In a second terminal, from $PWD:${plain}

  swaks --server 127.0.0.1:$starttls_port --tls --tls-cert build/demo/certificates/alice.pem \\
    --tls-key build/demo/certificates/alice.key --tls-ca-path build/demo/certificates/chain.pem \\
    --from alice@example.org --to someone@example.net

  openssl s_client -quiet -starttls smtp -connect 127.0.0.1:$starttls_port -CAfile build/demo/certificates/ca.pem \\
    -cert build/demo/certificates/bob.pem -key build/demo/certificates/bob.key -cert_chain build/demo/certificates/bob.pem

  build/${SIGNET_VARIANT:-release}/signet explain -C build/demo/signet.conf --cert build/demo/certificates/two.pem | less
  build/${SIGNET_VARIANT:-release}/signet why -C build/demo/signet.conf       # the refusals; with a reference, one of them
  build/${SIGNET_VARIANT:-release}/signet reload -C build/demo/signet.conf    # after a change to it

Ctrl-C ends it. Its log from now on:

END
tail -n 0 -f "$log" &
started+=($!)
wait "$gateway"
