# The commands of coldtail; `make help` lists them. Logic of more than a few
# lines is in test/scripts and .ci.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
PLUGIN ?= coldtail:dev
BENCH ?= .
FUZZTIME ?= 60s
FUZZ ?= .
GO ?= go

.DEFAULT_GOAL := help
.PHONY: help build plugin demo check test engines lint e2e bench bench-engine fuzz terraform clean FORCE

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: bin/coldtail ## bin/coldtail, one static binary

# Go's own cache decides what is rebuilt.
bin/coldtail: FORCE
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $@ ./cmd/coldtail

plugin: build ## the managed plugin PLUGIN (coldtail:dev), with COLDTAIL_* of the environment, enabled
	test/scripts/plugin.sh $(PLUGIN)

demo: build ## archive real output and read it back, with a Docker engine or without
	test/scripts/demo.sh

check: ## the inner loop: format, vet, lint and the quick tests; a minute and a half at most once built
	.ci/check

test: ## everything that needs no Docker engine, with a real MinIO
	test/scripts/test.sh

engines: ## what ddl prints and the documented queries, on real query engines; ENGINE=trino selects, FULL=1 checks all
	test/scripts/engines.sh

lint: ## formatting, vet, golangci-lint with the import graph, shellcheck, tidy modules
	.ci/lint

e2e: build ## end to end on a real Docker engine, started here if root and none answers
	test/scripts/engine.sh test/scripts/e2e.sh

bench: ## benchmarks beside their peers, in one run; BENCH=pattern selects
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./codec ./codec/chunkfile ./archiver/spool ./readback/catalog ./readback
	cd test && $(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./bench ./conformance

bench-engine: build ## docker run, docker logs and followers beside Docker's own drivers, on a real engine
	test/scripts/engine.sh test/scripts/e2e.sh -run '^$$' -bench '$(BENCH)' -benchtime 1x

fuzz: ## every fuzz target for FUZZTIME (60s); FUZZ=pattern selects
	test/scripts/fuzz.sh $(FUZZTIME) '$(FUZZ)'

terraform: ## format, validate and test the Terraform module, offline where a provider mirror is found
	test/scripts/terraform.sh

clean: ## remove what was built here
	rm -rf bin .cache
