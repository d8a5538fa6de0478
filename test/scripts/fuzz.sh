#!/usr/bin/env bash
# fuzz.sh TIME: runs every fuzz target of the root module for TIME, one after
# the other, as `go test -fuzz` takes one target at a time. All run, also after
# one that found something; what it found is in its package's testdata/fuzz.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -eq 1 ] || die "usage: fuzz.sh TIME"
cd "$root"
targets=$(grep -rnoE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' --exclude-dir=test --exclude-dir=.cache . |
	sed -E 's|^(.*)/[^/]*:[0-9]+:func (Fuzz.*)$|\1 \2|' | sort -u)
[ -n "$targets" ] || die "no fuzz targets"
# Some targets sync files: in memory that costs nothing.
if [ -d /dev/shm ] && [ -w /dev/shm ]; then
	export GOTMPDIR="${GOTMPDIR:-${TMPDIR:-/tmp}}" # programs may not be run from there
	TMPDIR=$(mktemp -d /dev/shm/coldtail-fuzz.XXXXXX)
	export TMPDIR
	trap 'rm -rf "$TMPDIR"' EXIT
fi
# Minimizing what is merely interesting would take most of a short run.
failed=()
while read -r package target; do
	heading "$package $target"
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" -fuzzminimizetime 1s "$package" </dev/null || failed+=("$package $target")
done <<<"$targets"
[ ${#failed[@]} -eq 0 ] || die "failed: ${failed[*]}"
