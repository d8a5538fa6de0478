#!/usr/bin/env bash
# demo.sh: archives real output into a folder bucket, lists the objects, reads the
# log back and shows rows of the Parquet file. With a Docker engine it does so
# through a managed plugin and a container, without one through `coldtail pipe`
# and `coldtail logs`. It removes what it made.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

binary=$root/bin/coldtail
[ -x "$binary" ] || die "no bin/coldtail: run make build"
# Names of our own: a coldtail:dev with real settings stays as it is.
plugin=coldtail:demo
image=coldtail-demo:latest
container=coldtail-demo-$$
dir=$(mktemp -d "${TMPDIR:-/tmp}/coldtail-demo.XXXXXX")
engine=no

# shellcheck disable=SC2317,SC2329 # called by the trap
clean() {
	if [ "$engine" = yes ]; then
		docker rm -f "$container" >/dev/null 2>&1 || true
		docker plugin disable -f "$plugin" >/dev/null 2>&1 || true
		docker plugin rm -f "$plugin" >/dev/null 2>&1 || true
		docker rmi -f "$image" >/dev/null 2>&1 || true
	fi
	rm -rf "$dir"
}
trap clean EXIT

# The workload: short lines, one on stderr, a long one, and an end without newline.
# shellcheck disable=SC2016 # the shell that runs it expands it
workload='for i in $(seq 1 20000); do echo "GET /item/$i 200 $((i % 90)) ms"; done
echo "warning: cache is cold" >&2
head -c 50000 /dev/zero | tr "\0" x; echo
printf "a last line without newline"'

# Run in the bucket's folder, here or in a container: its files as ls has them.
listing='find . -type f -exec ls -ln {} +'
# sizes_and_names: the listing's two columns that matter.
sizes_and_names() { awk '{sub(/^\.\//, "", $9); printf "%9d  %s\n", $5, $9}' | sort -k 2; }

# summary FILE: how much was read back, and its end.
summary() {
	note "$(wc -l <"$1") lines, $(wc -c <"$1") bytes; the first and the last:"
	head -n 2 "$1" | cut -c -72 | sed 's/^/  /'
	note "  …"
	tail -n 2 "$1" | cut -c -72 | sed 's/^/  /'
	note
}

show_rows() {
	heading "Rows of the Parquet file"
	local file
	file=$(find "$1" -name '*.parquet' | sort | tail -n 1)
	[ -n "$file" ] || die "no Parquet file was archived"
	(cd "$root/test" && go run ./cmd/rows "$file")
}

judge() {
	cmp "$dir/want" "$dir/got" || die "what was read back differs from what was written"
	note "Byte for byte what was written."
}

without_engine() {
	heading "No Docker engine answers: coldtail pipe and coldtail logs take its place"
	export COLDTAIL_BUCKET=file://$dir/bucket COLDTAIL_STATE=$dir/state
	note "sh -c '…' | coldtail pipe --name demo"
	sh -c "$workload" 2>/dev/null >"$dir/want"
	"$binary" pipe --name demo <"$dir/want"
	heading "Objects in the bucket"
	(cd "$dir/bucket" && sh -c "$listing") | sizes_and_names
	heading "coldtail logs demo"
	"$binary" logs demo >"$dir/got"
	summary "$dir/got"
	judge
	show_rows "$dir/bucket"
}

# in_engine COMMAND...: runs COMMAND in a container that sees the engine's side
# of things, which works for whoever may use the engine, also without root.
in_engine() {
	docker run --rm --network none --log-driver none \
		-v "$state:/state:ro" -v "/run/docker/plugins/$id:/plugin" \
		-v "$binary:/coldtail:ro" "$image" "$@"
}

with_engine() {
	engine=yes
	heading "A Docker engine answers: the managed plugin $plugin archives a container"
	COLDTAIL_BUCKET=file:///var/lib/coldtail/bucket "$root/test/scripts/plugin.sh" "$plugin"
	id=$(docker plugin inspect --format '{{.Id}}' "$plugin")
	state=$(docker info --format '{{.DockerRootDir}}')/plugins/$id/propagated-mount
	"$root/test/scripts/busybox-image.sh" "$image"

	note "docker run --log-driver $plugin --name $container busybox sh -c '…'"
	docker run --name "$container" --network none --log-driver "$plugin" "$image" sh -c "$workload" >"$dir/want" 2>"$dir/want.err"

	heading "coldtail flush --evict: upload now, and forget the local copy"
	in_engine /coldtail flush --evict --socket /plugin/coldtail.sock
	heading "Objects in the bucket"
	in_engine sh -c "cd /state/bucket && $listing" | sizes_and_names

	heading "docker logs $container"
	docker logs "$container" >"$dir/got" 2>"$dir/got.err"
	summary "$dir/got"
	cmp "$dir/want.err" "$dir/got.err" || die "stderr read back differs from what was written"
	judge
	in_engine tar -C /state/bucket -c . | tar -x -C "$dir"
	show_rows "$dir"
}

if engine_answers; then
	with_engine
else
	without_engine
fi
heading "Done; nothing is left running"
