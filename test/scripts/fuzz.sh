#!/usr/bin/env bash
# fuzz.sh TIME: runs every fuzz target of the root module for TIME, one after
# the other, as `go test -fuzz` takes one target at a time.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -eq 1 ] || die "usage: fuzz.sh TIME"
cd "$root"
targets=$(grep -rnoE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' --exclude-dir=test --exclude-dir=.cache . |
	sed -E 's|^(.*)/[^/]*:[0-9]+:func (Fuzz.*)$|\1 \2|' | sort -u)
[ -n "$targets" ] || die "no fuzz targets"
while read -r package target; do
	heading "$package $target"
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" "$package"
done <<<"$targets"
