#!/usr/bin/env bash
# release1.sh: makes test/release1/testdata anew, with the first release's own
# binary. It needs root, as the plugin gets a host's name of its own.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

commit=97a21a7
is_root || die "release1.sh: run it as root: it gives the plugin a host's name of its own"
dir=$(mktemp -d)
trap 'git -C "$root" worktree remove --force "$dir/checkout"; rm -rf "$dir"' EXIT
git -C "$root" worktree add --detach "$dir/checkout" "$commit"
(cd "$dir/checkout" && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-X main.version=$commit" -o "$dir/coldtail" ./cmd/coldtail)
cd "$root/test"
go test ./release1 -count 1 -run '^TestGenerate' -old "$dir/coldtail"
