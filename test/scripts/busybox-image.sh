#!/usr/bin/env bash
# busybox-image.sh NAME: makes the image NAME, a busybox with a shell and no
# more, from the machine's static busybox: no registry is needed. Where there is
# none and it cannot be installed, the engine pulls busybox instead.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -eq 1 ] || die "usage: busybox-image.sh NAME"
name=$1

# ldd fails for a static program.
is_static() {
	local out
	out=$(LC_ALL=C ldd "$1" 2>&1 || true)
	[[ $out == *"not a dynamic"* || $out == *"statically linked"* ]]
}

find_busybox() {
	local b
	for b in /bin/busybox /usr/bin/busybox; do
		if [ -x "$b" ] && is_static "$b"; then
			printf '%s\n' "$b"
			return
		fi
	done
}

busybox=$(find_busybox)
if [ -z "$busybox" ] && is_root && have apt-get; then
	note "installing busybox-static"
	apt_install busybox-static
	busybox=$(find_busybox)
fi
if [ -z "$busybox" ]; then
	docker pull -q busybox:stable >/dev/null ||
		die "no static busybox on this machine (busybox-static), and busybox:stable cannot be pulled"
	docker tag busybox:stable "$name"
	exit
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/bin" "$dir/tmp"
chmod 1777 "$dir/tmp"
cp "$busybox" "$dir/bin/busybox"
for applet in $("$busybox" --list); do
	[ "$applet" = busybox ] || ln -s busybox "$dir/bin/$applet"
done
tar -C "$dir" -c . | docker import --change 'ENV PATH=/bin' - "$name" >/dev/null
