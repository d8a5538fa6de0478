#!/usr/bin/env bash
# terraform.sh: formats (checks), validates and tests the Terraform module. The
# tests mock AWS. The provider comes from a mirror where the machine has one: the
# folder TF_PLUGIN_MIRROR, or one called tf-plugins; elsewhere by terraform init.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if ! have terraform; then
	note "skipped: terraform is not installed"
	exit
fi

mirror=${TF_PLUGIN_MIRROR:-}
for dir in /opt /usr/local /usr/local/share /usr/share /srv "$HOME"; do
	[ -z "$mirror" ] || break
	[ ! -d "$dir/tf-plugins" ] || mirror=$dir/tf-plugins
done

# Work in a copy: init leaves a directory and a lock file, and would write to the
# configuration of whoever runs this.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cp -r "$root/terraform" "$dir/module"
rm -rf "$dir/module/.terraform"
if [ -n "$mirror" ]; then
	note "providers from $mirror"
	printf 'provider_installation {\n  filesystem_mirror {\n    path = "%s"\n  }\n}\n' "$mirror" >"$dir/terraformrc"
else
	: >"$dir/terraformrc"
fi
export TF_CLI_CONFIG_FILE=$dir/terraformrc CHECKPOINT_DISABLE=1

cd "$dir/module"
terraform fmt -check -diff -recursive
terraform init -backend=false -input=false -no-color >"$dir/init.log" || { cat "$dir/init.log" >&2; exit 1; }
terraform validate -no-color
terraform test -no-color
