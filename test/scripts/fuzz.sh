#!/usr/bin/env bash
# fuzz.sh TIME [PATTERN]: runs every fuzz target of both modules whose name matches,
# for TIME, one after the other, as `go test -fuzz` takes one target at a time. All
# run, also after one that found something; what it found is in its package's
# testdata/fuzz, and is printed.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -eq 1 ] || [ $# -eq 2 ] || die "usage: fuzz.sh TIME [PATTERN]"
cd "$root"
targets=$(git grep --untracked -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' |
	sed -E 's|^(.*)/[^/]*:func (Fuzz.*)$|\1 \2|' | sort -u | grep -E "${2:-.}") || die "no fuzz target matches ${2:-.}"
work=$(mktemp -d)
# Some targets sync files: in memory that costs nothing.
memory=
if [ -d /dev/shm ] && [ -w /dev/shm ]; then
	export GOTMPDIR="${GOTMPDIR:-${TMPDIR:-/tmp}}" # programs may not be run from there
	memory=$(mktemp -d /dev/shm/coldtail-fuzz.XXXXXX)
	export TMPDIR=$memory
fi
trap 'rm -rf "$work" ${memory:+"$memory"}' EXIT
log=$work/log

# found DIR TARGET: the inputs that are not in the repository.
found() { git ls-files -o -- "$1/testdata/fuzz/$2"; }

# fuzz DIR TARGET TIME: reports whether the target found nothing. Minimizing what
# is merely interesting would take most of a short run.
fuzz() {
	local dir=$1 target=$2 before after input
	before=$(found "$dir" "$target")
	# In the package's folder, as it may be of either module.
	if (cd "$dir" && go test -run '^$' -fuzz "^$target\$" -fuzztime "$3" -fuzzminimizetime 1s .) </dev/null 2>&1 | tee "$log"; then
		return 0
	fi
	after=$(found "$dir" "$target")
	if [ "$before" = "$after" ] && grep -qx ' *context deadline exceeded' "$log" && ! grep -q 'panic' "$log"; then
		note "its time was over while an input was running: nothing was found"
		return 0
	fi
	for input in $(comm -13 <(printf '%s\n' "$before") <(printf '%s\n' "$after")); do
		note "$input:"
		head -c 4000 "$input"
	done
	return 1
}

failed=()
while read -r dir target; do
	heading "$dir $target"
	fuzz "$dir" "$target" "$1" || failed+=("$dir $target")
done <<<"$targets"
note "$(wc -l <<<"$targets") fuzz targets, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ] || die "failed: ${failed[*]}"
