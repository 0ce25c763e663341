#!/usr/bin/env bash
# installcheck.sh INSTALLED: builds a driver outside the tree from what is installed below
# INSTALLED, loads it into the installed program and uses it; then spoils it and sees that
# it is refused. Status 0 if all of it went as it should.
set -eu
installed=$1
source=$(dirname "$0")/module/hello.c
outside=$(mktemp -d)
trap 'rm -rf "$outside"' EXIT
chmod 700 "$outside"
cp "$source" "$outside/hello.c"
cd "$outside"

fail() { echo "installcheck: $*" >&2; exit 1; }

export PKG_CONFIG_PATH=$installed/lib/pkgconfig
build() {
  # shellcheck disable=SC2046 # flags are words
  ${CC:-cc} -std=c11 -Wall -Wextra -Werror -O2 -fPIC -shared -DSIGNET_DRIVER_SHARED \
    $(${PKG_CONFIG:-pkg-config} --cflags signet) -o "$1" hello.c
}
build hello.so
echo "driver_modules = $outside/hello.so" > signet.conf
# `${…}` is for signet, not for the shell.
# shellcheck disable=SC2016
expand() { "$installed/sbin/signet" expand -C signet.conf '${lookup hello{world}} ${lookup hello{nobody}{y}{n}}' 2>&1; }

[ "$(expand)" = "hello world n" ] || fail "the driver answered: $(expand)"
echo "hello_greeting = good day" >> signet.conf
[ "$(expand)" = "good day world n" ] || fail "with its option, the driver answered: $(expand)"

refused() {
  local said
  if said=$(expand); then fail "$1: it was loaded"; fi
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
sed -i 's/link\.so/hello.so/' signet.conf
sed -i 's/\.abi_version = SIGNET_ABI_VERSION/.abi_version = SIGNET_ABI_VERSION + 41/' hello.c
build hello.so
refused "another ABI version" "made for driver ABI version 42, this program has version 1"
echo 'int nothing;' > hello.c
build hello.so
refused "a shared object that is no driver" "has no signet_driver_entry"
echo "installcheck: a driver built from the installed header loads, works, and is refused where it should be"
