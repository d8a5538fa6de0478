#!/usr/bin/env bash
# plugin.sh NAME: makes bin/coldtail into the managed plugin NAME and enables it. A
# plugin of that name is upgraded: its settings, archive and backlog stay, and
# containers that log with it go on. Nothing of it is ever removed.
#
# COLDTAIL_* variables that the plugin knows are passed to it, and so are AWS_*
# for an s3:// bucket and MINIO_* for a minio:// one: credentials that stand in
# the environment for another purpose stay out of the plugin's settings. So do
# names of files, which the plugin would look for in its own file system.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -eq 1 ] || die "usage: plugin.sh NAME"
name=$1
binary=$root/bin/coldtail
config=$root/plugin/config.json
authorities=/etc/ssl/certs/ca-certificates.crt

[ -x "$binary" ] || die "no bin/coldtail: run make build"
engine_answers || die "no Docker engine answers: make plugin needs one"

if [ ! -s "$authorities" ]; then
	if ! is_root || ! have apt-get; then
		die "no $authorities: install the package ca-certificates"
	fi
	note "installing ca-certificates"
	apt_install ca-certificates
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/rootfs/etc/ssl/certs" "$dir/rootfs/var/lib" "$dir/rootfs/run/docker/plugins" "$dir/rootfs/run/docker/logging"
# The propagated mount holds the daemon's FIFOs, so that an upgrade leaves them,
# and the state beside them.
ln -s /run/docker/logging "$dir/rootfs/var/lib/coldtail"
cp "$config" "$dir/config.json"
cp "$binary" "$dir/rootfs/coldtail"
cp -L "$authorities" "$dir/rootfs/etc/ssl/certs/ca-certificates.crt"

# tool NAME: builds a program of test/cmd.
tool() {
	(cd "$root/test" && "${GO:-go}" build -o "$dir/$1" "./cmd/$1") || die "cannot build test/cmd/$1"
}

# DOCKER_HOST, for what is no docker client.
if [ -z "${DOCKER_HOST:-}" ]; then
	DOCKER_HOST=$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null) || unset DOCKER_HOST
fi
[ -z "${DOCKER_HOST:-}" ] || export DOCKER_HOST

# upgrade replaces the plugin's file system by way of a registry, the only place
# from which an engine does that. The state is in the propagated mount, which stays.
upgrade() {
	local registry remote
	[ "$(docker plugin inspect --format '{{.Config.PropagatedMount}}' "$name")" = /run/docker/logging ] ||
		die "$name keeps its pipes where an upgrade removes them: archive all of it with coldtail flush, then remove it yourself; docker plugin rm deletes its state"
	tool registry
	coproc REGISTRY { exec "$dir/registry"; }
	read -r registry <&"${REGISTRY[0]}" || die "cannot start a registry: nothing was changed"
	remote=$registry/coldtail:new
	docker plugin create "$remote" "$dir" >/dev/null # it has neither state nor containers
	docker plugin push "$remote" >/dev/null || {
		docker plugin rm "$remote" >/dev/null
		die "the engine does not reach a registry on this host: run this where it runs; nothing was changed"
	}
	docker plugin rm "$remote" >/dev/null
	note "upgrading $name; containers that log with it wait meanwhile, once their pipes are full"
	# It must not stay disabled, whatever fails.
	trap 'docker plugin enable --timeout 0 "$name" >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
	[ "$(docker plugin inspect --format '{{.Enabled}}' "$name")" = false ] || docker plugin disable -f "$name" >/dev/null
	docker plugin upgrade --grant-all-permissions --skip-remote-check "$name" "$remote" >/dev/null
}

kept="its default settings"
if docker plugin inspect "$name" >/dev/null 2>&1; then
	kept="its settings as they were"
	upgrade
else
	docker plugin create "$name" "$dir" >/dev/null
fi

bucket=${COLDTAIL_BUCKET:-}
settings=()
while read -r variable; do
	value=${!variable:-}
	[ -n "$value" ] || continue
	case $variable in
	*_FILE) continue ;;
	COLDTAIL_*) ;;
	AWS_*) [[ $bucket == s3://* ]] || continue ;;
	MINIO_*) [[ $bucket == minio://* ]] || continue ;;
	*) continue ;;
	esac
	settings+=("$variable=$value")
done < <(docker plugin inspect --format '{{range .Config.Env}}{{if .Settable}}{{println .Name}}{{end}}{{end}}' "$name" |
	sed '/^$/d')
if [ ${#settings[@]} -gt 0 ]; then
	# Not as arguments, which every user of the host can read.
	tool pluginset
	printf '%s\0' "${settings[@]}" | "$dir/pluginset" "$name"
fi

# Without --timeout 0, docker's own 30 s timeout cuts every longer docker logs.
docker plugin enable --timeout 0 "$name" >/dev/null
if [ ${#settings[@]} -eq 0 ]; then
	note "$name is enabled, with $kept"
else
	note "$name is enabled, with $(printf '%s\n' "${settings[@]%%=*}" | paste -sd' ')"
fi
