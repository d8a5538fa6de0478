#!/usr/bin/env bash
# terraform.sh: checks the format of the Terraform module and its examples,
# validates and tests them, and compares them with the rest of the product. No test
# needs an account. The provider comes from a mirror where the machine has one: the
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
find "$dir/module" -name .terraform -prune -exec rm -rf {} +
if [ -n "$mirror" ]; then
	note "providers from $mirror"
	printf 'provider_installation {\n  filesystem_mirror {\n    path = "%s"\n  }\n}\n' "$mirror" >"$dir/terraformrc"
else
	# One download for the module and all examples.
	mkdir "$dir/plugins"
	printf 'plugin_cache_dir = "%s"\nplugin_cache_may_break_dependency_lock_file = true\n' "$dir/plugins" >"$dir/terraformrc"
fi
export TF_CLI_CONFIG_FILE=$dir/terraformrc CHECKPOINT_DISABLE=1

# init DIR: what a user would do first.
init() {
	terraform -chdir="$1" init -backend=false -input=false -no-color >"$dir/init.log" || { cat "$dir/init.log" >&2; exit 1; }
}

terraform fmt -check -diff -recursive "$dir/module"
for module in "$dir/module" "$dir"/module/examples/*; do
	init "$module"
	terraform -chdir="$module" validate -no-color
done
terraform -chdir="$dir/module" test -no-color
(cd "$root/test" && COLDTAIL_TERRAFORM_MODULE=$dir/module go test -count=1 ./terraform)
