#!/usr/bin/env bash
# test.sh: every test that needs no Docker engine. The race detector and DuckDB
# need a C compiler; without one the rest runs, and this says what did not.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Half an hour, as ten minutes for a package may not do on a loaded machine.
limit=30m

# The servers of test/ take minutes to build, once: the product's tests run meanwhile.
cd "$root/test"
go test -timeout "$limit" -count 1 ./parts >/dev/null &
servers=$!

cd "$root"
compiler=$(go env CC)
race=()
if have "${compiler%% *}" && [ "$(go env CGO_ENABLED)" = 1 ]; then
	race=(-race)
else
	note "skipped: the race detector, as there is no C compiler ($compiler)"
fi
# go test names no skipped test unless it names all that pass.
is_root || note "skipped: the tests that fill a disk, as only root can mount one"
[ -w /dev/fuse ] || note "skipped: the tests of power losses and failing disks in ./disk, as /dev/fuse cannot be used"

# In codec, only codec/ranged starts goroutines, which share nothing: the race
# detector would make the property tests of all of codec take minutes.
mapfile -t concurrent < <(go list ./... | grep -v '/codec\(/\|$\)')
# These kill processes, cut the power or damage every file, hundreds of times,
# count requests over years of objects, or measure memory: without the race
# detector, which makes them ten times slower.
heavy='^(TestKilled|TestCrashPoints|TestMemoryBound|TestPowerLoss|TestAnyDamage|TestEveryByteOfASidecar|TestSidecarDamagedWhileRunning|TestKilledWhileDropping|TestDamagedState|TestDamage|TestIngestDoesNotWaitForSync|TestDroppingDoesNotWaitForSync|TestPipeBudget|TestDiskFull|TestWildClocks|TestTailRequests|TestTailOfLargeChunk|TestRangeRequests|TestObjectsTogether)$'
status=0
heading "go test ${race[*]} ./..."
go test -timeout "$limit" "${race[@]}" -skip "$heavy" "${concurrent[@]}" || status=1
heading "go test, of codec and of crashes and damage"
go test -timeout "$limit" ./codec/... || status=1
go test -timeout "$limit" -run "$heavy" ./archiver/... ./readback/... || status=1

cd "$root/test"
wait "$servers" || note "the servers of the tests could not be built: see ./parts below"
if [ ${#race[@]} -gt 0 ]; then
	heading "go test ./... in test/, with MinIO and DuckDB"
	go test -timeout "$limit" ./... || status=1
else
	note "skipped: the tests that query with DuckDB, as it is linked with cgo"
	heading "go test ./... in test/ but for ./query, with MinIO"
	CGO_ENABLED=0 go test -timeout "$limit" ./... || status=1
fi
exit "$status"
