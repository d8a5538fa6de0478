#!/usr/bin/env bash
# engines.sh: fetches query engines into .cache/engines, unless they are there, and
# runs test/engines with them: ENGINE selects some by name, FULL=1 runs all checks.
# Python packages are pinned with their hashes, Java's by version. Nothing outside
# .cache and temporary folders changes. What cannot be fetched is named in a line,
# and the rest runs.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cache=$root/.cache/engines
requirements=$root/test/engines/requirements
all='duckdb clickhouse polars pyarrow trino spark'
trino=476
jars='org.apache.hadoop:hadoop-aws:3.4.2
software.amazon.awssdk:bundle:2.29.52
software.amazon.s3.analyticsaccelerator:analyticsaccelerator-s3:1.3.0
org.wildfly.openssl:wildfly-openssl:2.1.4.Final'
minutes=15 # for one fetch

mkdir -p "$cache"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# python NAME: the virtual environment with the packages of requirements/NAME.txt,
# after those of NAME-build.txt, which build them. Its folder is named by the lists'
# hash, so another version is another folder.
python() {
	local lists=() list dir options
	for list in "$requirements/$1-build.txt" "$requirements/$1.txt"; do
		[ ! -e "$list" ] || lists+=("$list")
	done
	dir=$cache/python-$1-$(cat "${lists[@]}" | sha256sum | cut -c 1-12)
	printf '%s\n' "$dir/bin/python"
	[ ! -e "$dir/complete" ] || return 0
	rm -rf "$cache/python-$1-"*
	python3 -m venv "$dir" >"$log" 2>&1 || return 1
	for list in "${lists[@]}"; do
		# What has no list of builders comes built.
		options=(--only-binary :all:)
		[ "${#lists[@]}" -eq 1 ] || options=(--no-build-isolation)
		timeout -k 1 "${minutes}m" "$dir/bin/python" -m pip install --no-cache-dir --disable-pip-version-check \
			--require-hashes "${options[@]}" -r "$list" >"$log" 2>&1 || return 1
	done
	touch "$dir/complete"
}

# artefact GROUP:NAME:VERSION[:KIND[:CLASSIFIER]]: its file, in a Maven repository of our own.
artefact() {
	local group name version kind classifier file
	IFS=: read -r group name version kind classifier <<<"$1"
	file=$cache/m2/${group//.//}/$name/$version/$name-$version${classifier:+-$classifier}.${kind:-jar}
	printf '%s\n' "$file"
	[ ! -e "$file" ] || return 0
	# A folder without a pom.xml, as it would be read.
	(cd "$cache" && timeout -k 1 "${minutes}m" mvn -B -q "-Dmaven.repo.local=$cache/m2" \
		org.apache.maven.plugins:maven-dependency-plugin:3.6.1:get "-Dartifact=$1" -Dtransitive=false) >"$log" 2>&1
}

# jdk LEAST MOST: the home of a JDK of a version between the two.
jdk() {
	local home version
	for home in "${JAVA_HOME:-}" /usr/lib/jvm/* /opt/*jdk* /opt/java/*; do
		[ -x "$home/bin/java" ] || continue
		version=$("$home/bin/java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
		if [ "${version:-0}" -ge "$1" ] && [ "${version:-0}" -le "$2" ]; then
			printf '%s\n' "$home"
			return 0
		fi
	done
	printf 'there is no JDK of version %s to %s in JAVA_HOME, /usr/lib/jvm and /opt\n' "$1" "$2" >"$log"
	return 1
}

# fetch_ENGINE makes what the engine needs, and exports where it is.
fetch_duckdb() { COLDTAIL_DUCKDB_PYTHON=$(python duckdb) && export COLDTAIL_DUCKDB_PYTHON; }
fetch_clickhouse() { COLDTAIL_CLICKHOUSE_PYTHON=$(python clickhouse) && export COLDTAIL_CLICKHOUSE_PYTHON; }
fetch_polars() { COLDTAIL_POLARS_PYTHON=$(python polars) && export COLDTAIL_POLARS_PYTHON; }
fetch_pyarrow() { COLDTAIL_PYARROW_PYTHON=$(python pyarrow) && export COLDTAIL_PYARROW_PYTHON; }

fetch_trino() {
	local archive home=$cache/trino-server-$trino
	COLDTAIL_TRINO_JAVA=$(jdk 24 99) && COLDTAIL_TRINO_CLI=$(artefact "io.trino:trino-cli:$trino:jar:executable") || return 1
	if [ ! -e "$home/complete" ]; then
		archive=$(artefact "io.trino:trino-server:$trino:tar.gz") || return 1
		rm -rf "$home"
		# Files of one plugin are links to another's: all come out, few stay.
		tar -xzf "$archive" -C "$cache" >"$log" 2>&1 || return 1
		find "$home/plugin" -mindepth 1 -maxdepth 1 ! -name hive ! -name iceberg -exec rm -rf {} +
		touch "$home/complete"
		rm -f "$archive" # 800 MB
	fi
	COLDTAIL_TRINO_HOME=$home
	export COLDTAIL_TRINO_JAVA COLDTAIL_TRINO_CLI COLDTAIL_TRINO_HOME
}

fetch_spark() {
	local jar paths=()
	COLDTAIL_SPARK_JAVA=$(jdk 17 21) && COLDTAIL_SPARK_PYTHON=$(python spark) || return 1
	for jar in $jars; do
		paths+=("$(artefact "$jar")") || return 1
	done
	COLDTAIL_SPARK_JARS=$(IFS=,; printf '%s' "${paths[*]}")
	export COLDTAIL_SPARK_JAVA COLDTAIL_SPARK_PYTHON COLDTAIL_SPARK_JARS
}

heading "engines: ${ENGINE:-$all}"
fetched=()
for engine in ${ENGINE:-$all}; do
	case " $all " in
	*" $engine "*) ;;
	*) die "there is no engine $engine: ENGINE must be of $all" ;;
	esac
	began=$SECONDS
	if "fetch_$engine"; then
		fetched+=("$engine")
		[ "$((SECONDS - began))" -lt 2 ] || note "fetched: $engine ($((SECONDS - began)) s)"
	else
		note "not fetched: $engine ($(grep -v '^ *$' "$log" | tail -n 1)); its tests are skipped"
	fi
done
[ ${#fetched[@]} -gt 0 ] || die "no engine could be fetched"
export COLDTAIL_ENGINES="${fetched[*]}"

cd "$root/test"
heading "go test ./engines, with ${fetched[*]}"
go test -count 1 -timeout 60m ./engines "$@"
