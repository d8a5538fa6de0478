# shellcheck shell=bash
# Helpers of the scripts here; sourced, not run.

# The checkout.
# shellcheck disable=SC2034 # used by the scripts
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# heading TEXT: a title that stands out on a terminal and stays readable in a file.
heading() {
	if [ -t 1 ]; then
		printf '\n\033[1m== %s\033[0m\n' "$*"
	else
		printf '\n== %s\n' "$*"
	fi
}

note() { printf '%s\n' "$*"; }

# die TEXT: one clear sentence on stderr, and a failure.
die() {
	printf '%s\n' "$*" >&2
	exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

is_root() { [ "$(id -u)" -eq 0 ]; }

# engine_answers: whether the docker client reaches an engine. Bounded, because
# a socket whose daemon hangs would otherwise hang us too.
engine_answers() {
	have docker && timeout -k 1 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

# apt_install PACKAGE...: installs Debian packages; the caller checks is_root.
# apt-get's own output is shown only where it fails.
apt_install() {
	local log
	log=$(mktemp)
	if ! DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >"$log" 2>&1; then
		apt-get update >>"$log" 2>&1 || true
		if ! DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >>"$log" 2>&1; then
			tail -n 20 "$log" >&2
			rm -f "$log"
			die "apt-get could not install: $*"
		fi
	fi
	rm -f "$log"
}
