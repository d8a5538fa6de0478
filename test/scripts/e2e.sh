#!/usr/bin/env bash
# e2e.sh [go test flags]: the end-to-end tests on the engine that answers.
# See engine.sh for where that comes from.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

image=coldtail-e2e-busybox:latest
"$root/test/scripts/busybox-image.sh" "$image"
cd "$root/test"
have dockerd || note "skipped: the tests that restart a daemon, as there is no dockerd to start"
status=0
COLDTAIL_E2E_IMAGE=$image go test -tags e2e -count 1 -timeout 45m "$@" ./e2e/... || status=$?
docker rmi -f "$image" >/dev/null 2>&1 || true
exit "$status"
