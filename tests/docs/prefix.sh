#!/bin/sh
# An installation of one's own, as docs/functions.md describes it, and its end: what is built
# against it runs, and make uninstall leaves nothing.
#
# usage: prefix.sh    (in a checkout with a build directory, which is given the prefix)
set -eu
cd "$(dirname "$0")/../.."
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
make install PREFIX="$prefix"
PATH="$prefix/bin:$PATH"
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig" LD_LIBRARY_PATH="$prefix/lib"
# The first program there; others are handlers.
awk '/^```c$/ { inside = 1; next } /^```$/ && inside { exit } inside' docs/functions.md >"$prefix/count.c"
# A list of options, to be split.
# shellcheck disable=SC2046
cc -o "$prefix/count" "$prefix/count.c" $(pkg-config --cflags --libs vaccel)
photo=${MAYFLY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mayfly}/photos/dog.jpg
VACCEL_PLUGINS=onnx "$prefix/count" <"$photo" | grep -x '1 dog'
echo abc | mayfly run echo | grep -x abc
rm "$prefix/count" "$prefix/count.c"
make uninstall
left=$(find "$prefix" -mindepth 1 | wc -l)
[ "$left" = 0 ] || { echo "left behind: $(find "$prefix" -mindepth 1 | head)" >&2; exit 1; }
