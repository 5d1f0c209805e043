#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Builds the Debian packages from the tarball of `make dist`: deb.sh TARBALL OUT. VERSION of the package, which is the
# tarball's with -1 behind it, may be given: for the test of an upgrade.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tarball=$(realpath "$1")
mkdir -p "$2"
out=$(cd "$2" && pwd)
name=$(basename "$tarball" .tar.xz)
upstream=${name#xpro-mesh-}
version=${VERSION:-$upstream-1}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -C "$work" -xf "$tarball"
cp "$tarball" "$work/xpro-mesh_$upstream.orig.tar.xz"
cp -r "$here/debian" "$work/$name/debian"
sed -i "1s/(.*)/($version)/" "$work/$name/debian/changelog"
(cd "$work/$name" && dpkg-buildpackage --build="${BUILD:-full}" --no-sign >&2)
find "$work" -maxdepth 1 -type f -exec cp {} "$out/" \;
