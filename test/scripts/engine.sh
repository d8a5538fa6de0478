#!/usr/bin/env bash
# engine.sh COMMAND...: runs COMMAND with a Docker engine.
#
# An engine that answers is used as it is. Otherwise, as root on a machine with
# apt-get, this installs docker.io and starts a dockerd of its own in a
# temporary directory, which it stops by its pid at the end. Otherwise it
# refuses with one line and status 3.
#
# ENGINE_VERSION=newest builds the newest engine (newest-engine.sh) and starts that
# one in any case.
#
# COMMAND sees DOCKER_HOST where the engine is ours. Plugins' sockets are in
# /run/docker/plugins/ID in any case, whatever --exec-root says.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -gt 0 ] || die "usage: engine.sh COMMAND..."

case ${ENGINE_VERSION:-} in
'')
	if engine_answers; then
		exec "$@"
	fi
	;;
newest)
	newest=$("$root/test/scripts/newest-engine.sh")
	export PATH="$newest:$PATH" DOCKER_MIN_API_VERSION=1.24 # for older clients
	;;
*) die "ENGINE_VERSION is '$ENGINE_VERSION': must be newest, or empty for the engine of this machine" ;;
esac

refuse() {
	printf 'no Docker engine answers, and %s: start one, or run as root on Debian or Ubuntu\n' "$1" >&2
	exit 3
}

is_root || refuse "only root can start one"
if ! have dockerd; then
	have apt-get || refuse "dockerd is not installed and there is no apt-get"
	note "installing docker.io"
	apt_install docker.io iptables
fi
have docker || apt_install docker-cli
have dockerd || refuse "docker.io brought no dockerd"

dir=$(mktemp -d "${TMPDIR:-/tmp}/coldtail-engine.XXXXXX")
daemon=
child=

# stop_daemon ends our dockerd and the containerd that it started, waits, and
# removes what they leave mounted.
# shellcheck disable=SC2317,SC2329 # called by the trap
stop_daemon() {
	local status=$?
	trap - EXIT INT TERM
	[ -z "$child" ] || kill "$child" 2>/dev/null || true
	if [ -n "$daemon" ]; then
		kill "$daemon" 2>/dev/null || true
		for _ in $(seq 1 300); do
			kill -0 "$daemon" 2>/dev/null || break
			sleep 0.1
		done
		kill -9 "$daemon" 2>/dev/null || true
		wait "$daemon" 2>/dev/null || true
	fi
	if [ "$status" -ne 0 ] && [ -n "${COLDTAIL_ENGINE_LOG:-}" ]; then
		cp "$dir/dockerd.log" "$COLDTAIL_ENGINE_LOG" 2>/dev/null || true
	fi
	awk -v d="$dir/" 'index($5, d) == 1 {print $5}' /proc/self/mountinfo | sort -r |
		while read -r m; do umount -l "$m" 2>/dev/null || true; done
	rm -rf "$dir" 2>/dev/null || true
	exit "$status"
}
trap stop_daemon EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The bridge is not needed, and its set-up asks for firewall rules that a
# sandbox may refuse. But --bridge=none deletes a docker0 that is there.
network=(--iptables=false --ip6tables=false)
[ -e /sys/class/net/docker0 ] || network+=(--bridge=none)

start_daemon() {
	dockerd --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/dockerd.pid" \
		--host "unix://$dir/docker.sock" --config-file "$dir/daemon.json" --group root \
		"${network[@]}" >"$dir/dockerd.log" 2>&1 &
	daemon=$!
	for _ in $(seq 1 300); do
		if DOCKER_HOST="unix://$dir/docker.sock" engine_answers; then
			return
		fi
		if ! kill -0 "$daemon" 2>/dev/null; then
			tail -n 5 "$dir/dockerd.log" >&2
			die "dockerd ended while starting"
		fi
		sleep 0.2
	done
	tail -n 5 "$dir/dockerd.log" >&2
	die "dockerd did not answer within a minute"
}

echo '{}' >"$dir/daemon.json"
note "starting dockerd in $dir"
start_daemon

export DOCKER_HOST="unix://$dir/docker.sock"
# In the background, so that a signal to this script is handled at once.
"$@" &
child=$!
status=0
wait "$child" || status=$?
child=
exit "$status"
