#!/usr/bin/env bash
# newest-engine.sh: builds the newest Docker engine from the Go proxy into .cache,
# unless it is there, and prints the folder of its programs. Needs a C compiler
# and, on Debian or Ubuntu, root for libseccomp's headers. Takes some 5 minutes.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Versions that were tried together. runc without seccomp refuses Docker's profile.
moby=v2.0.0-beta.24
containerd=v2.4.2
runc=v1.5.3
bin=$root/.cache/bin/engine-$moby-$containerd-$runc
if [ ! -e "$bin/complete" ]; then
	if ! pkg-config --exists libseccomp 2>/dev/null; then
		if ! is_root || ! have apt-get; then
			die "the newest engine is built with libseccomp's headers: install libseccomp-dev and pkg-config"
		fi
		apt_install libseccomp-dev pkg-config >&2
	fi
	note "building Docker's engine $moby into $bin" >&2
	export GOBIN=$bin GOFLAGS=-trimpath
	version="-X github.com/moby/moby/v2/dockerversion.Version=${moby#v}"
	cd / # outside of any module
	CGO_ENABLED=1 go install -tags exclude_graphdriver_btrfs -ldflags "-s -w $version" "github.com/moby/moby/v2/cmd/dockerd@$moby"
	CGO_ENABLED=0 go install -ldflags '-s -w' "github.com/moby/moby/v2/cmd/docker-proxy@$moby"
	for name in containerd containerd-shim-runc-v2; do
		CGO_ENABLED=0 go install -ldflags '-s -w' "github.com/containerd/containerd/v2/cmd/$name@$containerd"
	done
	CGO_ENABLED=1 go install -tags seccomp -ldflags '-s -w' "github.com/opencontainers/runc@$runc"
	touch "$bin/complete"
fi
note "$bin"
