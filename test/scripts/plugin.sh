#!/usr/bin/env bash
# plugin.sh NAME: makes bin/coldtail into the managed plugin NAME and enables it.
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

if docker plugin inspect "$name" >/dev/null 2>&1; then
	note "removing the older $name, with its state"
	# Disabling first lets it upload what it still holds.
	docker plugin disable -f "$name" >/dev/null 2>&1 || true
	docker plugin rm -f "$name" >/dev/null
fi
docker plugin create "$name" "$dir" >/dev/null

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
[ ${#settings[@]} -eq 0 ] || docker plugin set "$name" "${settings[@]}"

# Without --timeout 0, docker's own 30 s timeout cuts every longer docker logs.
docker plugin enable --timeout 0 "$name" >/dev/null
if [ ${#settings[@]} -eq 0 ]; then
	note "$name is enabled, with its default settings"
else
	note "$name is enabled, with $(printf '%s\n' "${settings[@]%%=*}" | paste -sd' ')"
fi
