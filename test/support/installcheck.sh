#!/usr/bin/env bash
# installcheck.sh INSTALLED MAKE_CERTIFICATES: builds drivers of each kind outside the tree from what is
# installed below INSTALLED, loads them into the installed program and uses them, those for
# authentication in a running daemon; then spoils them and sees that they are refused. Status 0 if all
# of it went as it should.
set -eu
installed=$1
make_certificates=$2
sources=$(cd "$(dirname "$0")/module" && pwd)
outside=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill "$daemon"; rm -rf "$outside"' EXIT
chmod 700 "$outside"
cp "$sources"/*.c "$sources/talk.py" "$outside"
"$make_certificates" "$outside/certificates"
cd "$outside"

fail() { echo "installcheck: $*" >&2; exit 1; }

export PKG_CONFIG_PATH=$installed/lib/pkgconfig
build() {  # NAME
  # shellcheck disable=SC2046 # flags are words
  ${CC:-cc} -std=c11 -Wall -Wextra -Werror -O2 -fPIC -shared -DSIGNET_DRIVER_SHARED \
    $(${PKG_CONFIG:-pkg-config} --cflags signet) -o "$1.so" "$1.c"
}
for name in hello columns badge riddle; do build $name; done
expand() { "$installed/sbin/signet" expand -C signet.conf "$1" 2>&1; }
says() {  # TEXT, WANTED
  local said
  said=$(expand "$1") || true
  [ "$said" = "$2" ] || fail "$1 gave: $said"
}

# What belongs to a program besides the program.
for file in man/man8/signet.8 man/man5/signet.conf.5 man/man7/signet-expansion.7 \
  bash-completion/completions/signet zsh/site-functions/_signet fish/vendor_completions.d/signet.fish \
  doc/signet/README.md doc/signet/first-steps.md doc/signet/pictures/decision.svg \
  doc/signet/examples/exim-manual.conf doc/signet/monitoring/README.md; do
  [ -s "$installed/share/$file" ] || fail "share/$file is not installed"
done

# Lookups. `${…}` is for signet, not for the shell.
# shellcheck disable=SC2016
greet='${lookup hello{world}} ${lookup hello{nobody}{y}{n}}'
echo "driver_modules = $outside/hello.so : $outside/columns.so" > signet.conf
says "$greet" "hello world n"
echo "hello_greeting = good day" >> signet.conf
says "$greet" "good day world n"
printf 'alice\tthe first\nbob\tthe second\n' > table
says "\${lookup{bob}columns{$outside/table}} \${lookup{carol}columns{$outside/table}{y}{n}}" "the second n"
case $(expand "\${lookup{bob}columns{$outside/none}}") in
*"No such file or directory"*) ;;
*) fail "a file that does not exist was not noticed" ;;
esac

# Authenticators, in a daemon and over TLS.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > daemon.conf <<CONF
driver_modules = $outside/badge.so : $outside/riddle.so : $outside/columns.so
primary_hostname = mx.example.org
local_interfaces = 127.0.0.1
daemon_smtp_ports = $port
tls_certificate = $outside/certificates/server.pem
tls_privatekey = $outside/certificates/server.key
tls_verify_certificates = $outside/certificates/client-ca.pem
tls_try_verify_hosts = *
acl_smtp_mail = check_mail
begin acl
check_mail:
  accept authenticated = *
         message = 250 you are \$authenticated_id by \$sender_host_authenticated
  deny   message = who are you
begin authenticators
badge:
  driver = badge
  server_badge = \${certextract{subj_altname,mail}{\$tls_in_peercert}}
  server_condition = \${if match{\$auth1}{\\N^alice@\\N}}
  server_set_id = \$auth1
riddle:
  driver = riddle
  public_name = RIDDLE
  server_answer = \${lookup{\$auth1}columns{$outside/table}{\$value}fail}
  server_set_id = \$auth1
CONF
"$installed/sbin/signet" check -C daemon.conf > checked || fail "the daemon's configuration: $(cat checked)"
"$installed/sbin/signet" serve -C daemon.conf > log 2>&1 &
daemon=$!
python3 talk.py "$port" certificates || fail "the drivers in the daemon: $(cat log)"
kill "$daemon"
wait "$daemon" || true
daemon=
for line in "riddle authenticator failed" "wrong answer" "no name and answer"; do
  grep -q "$line" log || fail "the log has no \"$line\": $(cat log)"
done

# What must not be loaded.
echo "driver_modules = $outside/hello.so" > signet.conf
refused() {  # WHAT, WORDS
  local said
  if said=$(expand "$greet"); then fail "$1: it was loaded"; fi
  case $said in *"$2"*) ;; *) fail "$1: $said" ;; esac
}
chmod g+w hello.so
refused "a file that its group may write" "may be written by its group"
chmod g-w hello.so
chmod o+w .
refused "a directory that anybody may write" "may be written by anybody"
chmod o-w .
ln -s hello.so link.so
sed -i 's/hello\.so/link.so/' signet.conf
refused "a symbolic link" "is not a regular file"

# spoiled NAME 's/GOOD/BAD/' WHAT WORDS: the driver with that change.
spoiled() {
  cp "$sources/$1.c" spoiled.c
  sed -i "$2" spoiled.c
  ! cmp -s spoiled.c "$sources/$1.c" || fail "$3: nothing was spoiled"
  build spoiled
  echo "driver_modules = $outside/spoiled.so" > signet.conf
  refused "$3" "$4"
}
version='s/\.abi_version = SIGNET_ABI_VERSION/.abi_version = SIGNET_ABI_VERSION + 41/'
for name in hello columns badge riddle; do
  spoiled $name "$version" "$name with another ABI version" \
    "made for driver ABI version 42, this program has version 1"
  spoiled $name 's/\.size = sizeof(struct signet_module)/.size = 24/' "$name with a small module" \
    "its table has 24 octets, at least"
done
spoiled hello 's/\.size = sizeof(struct signet_lookup_driver)/.size = 40/' "a small lookup" \
  "its table has 40 octets, at least"
spoiled riddle 's/\.size = sizeof(struct signet_auth_driver)/.size = 40/' "a small authenticator" \
  "its table has 40 octets, at least"
spoiled riddle '/\.step = step/d; s/^static enum signet_verdict step/enum signet_verdict step/' \
  "a mechanism without steps" "is advertised but has no \`step\`"
spoiled badge '/\.authenticate = authenticate/d; s/^static enum signet_verdict authenticate/enum signet_verdict authenticate/' \
  "an authenticator that does not authenticate" "runs after TLS but has no \`authenticate\`"
echo 'int nothing;' > spoiled.c
build spoiled
refused "a shared object that is no driver" "has no signet_driver_entry"
echo "installcheck: drivers of each kind, built from the installed header, load, work, and are refused where they should be"
