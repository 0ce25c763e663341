#!/usr/bin/env bash
# fresh_debian.sh DIR [PACKAGE.deb]: makes DIR/base, a minimal Debian 12 as an administrator gets it, unless
# it is there, with what PACKAGE depends on in its cache of packages. It comes from where apt-get on this
# machine gets packages. Needs root; status 77 where such a Debian cannot be had.
set -eu -o pipefail
root=$1/base
package=${2:-}
unable() { echo "fresh_debian.sh: $*" >&2; exit 77; }
[ "$(id -u)" = 0 ] || unable "needs root"
command -v debootstrap >/dev/null || unable "debootstrap is not installed"

mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1
}
# Sources and proxies are this machine's.
adopt_apt() {
  rm -f "$root"/etc/apt/sources.list
  cp -r /etc/apt/sources.list* "$root/etc/apt/"
  cp -r /etc/apt/apt.conf.d/*prox* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
  cp -r /usr/share/keyrings/. "$root/usr/share/keyrings/"
  cp -rn /etc/apt/trusted.gpg.d/. "$root/etc/apt/trusted.gpg.d/" 2>/dev/null || true
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  if [ -f /etc/hosts ]; then cp /etc/hosts "$root/etc/hosts"; fi
}
if [ ! -e "$1/complete" ]; then
  from=$(mirror)
  [ -n "$from" ] || unable "apt-get knows no source of Debian 12"
  echo "Making a Debian for the test of the packages"
  rm -rf "$1"
  mkdir -p "$1"
  debootstrap --variant=minbase bookworm "$root" "$from" > "$1/log" 2>&1 || unable "$(tail -n 3 "$1/log")"
  rm -f "$root"/var/cache/apt/archives/*.deb
  adopt_apt
  chroot "$root" apt-get -qq update > "$1/log" 2>&1 || unable "$(tail -n 3 "$1/log")"
  touch "$1/complete"
fi
[ -n "$package" ] || exit 0
# What is needed besides, once.
wanted=$(dpkg-deb -f "$package" Depends | sha256sum)
if [ "$(cat "$1/fetched" 2>/dev/null)" != "$wanted" ]; then
  cp "$package" "$root/tmp/package.deb"
  chroot "$root" apt-get -qq -y --download-only install /tmp/package.deb > "$1/log" 2>&1 ||
    unable "$(tail -n 3 "$1/log")"
  rm "$root/tmp/package.deb"
  echo "$wanted" > "$1/fetched"
fi
