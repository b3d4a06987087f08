# Outturn. `make` alone prints the targets.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 30s

# Tools are built from the versions in tools/go.mod and kept out of git.
BIN := .tools/bin

.DEFAULT_GOAL := help
.PHONY: help run build assets tools test test-full lint bench fuzz chaos verify notices clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: assets build ## Build, then serve a small made-up shop
	bin/outturn demo

build: ## Build bin/outturn (the first time compiles DuckDB's bindings: minutes)
	$(GO) build -trimpath -ldflags "-X $$($(GO) list -m)/internal/cli.version=$(VERSION)" -o bin/outturn ./cmd/outturn

assets: ## Fetch the documentation page's files by npm; without them it says how
	@tools/assets.sh

tools: $(BIN)/gotestsum $(BIN)/skips $(BIN)/notices ## Install what the tests need, only what is missing
	@tools/packages.sh

test: tools ## Vet, then all tests and every benchmark once
	tools/test.sh

test-full: export OUTTURN_TEST_FULL = 1
test-full: tools ## The same with all cases, and the race detector where goroutines live
	-@tools/assets.sh
	tools/test.sh

lint: $(BIN)/golangci-lint ## Run golangci-lint (builds it first, 2 minutes)
	$(BIN)/golangci-lint run ./...
	cd tools && ../$(BIN)/golangci-lint run ./...

bench: ## Measure the whole way from rows to a file; ARGS=-h lists cases and options
	$(GO) run ./bench $(ARGS)

fuzz: ## Run every fuzz target for FUZZTIME each
	FUZZTIME=$(FUZZTIME) tools/fuzz.sh

chaos: tools ## The fault tests with all their faults: an hour or more
	OUTTURN_TEST_FULL=1 OUTTURN_TEST_CHAOS=1 $(GO) test -count=1 -timeout 3h -run '^TestFault' ./...

verify: $(BIN)/notices ## Fail when sources are not formatted or what is generated is out of date
	@files=$$(gofmt -l .) && { test -z "$$files" || { echo "not gofmt'ed:" $$files; exit 1; }; }
	$(GO) mod tidy -diff
	$(GO) -C tools mod tidy -diff
	$(BIN)/notices -check ./cmd/outturn

notices: $(BIN)/notices ## Write THIRD_PARTY_NOTICES.md again
	$(BIN)/notices ./cmd/outturn

clean: ## Remove what was built, and the tools
	rm -rf bin .tools

$(BIN)/gotestsum: tools/go.mod
	$(GO) -C tools build -trimpath -o ../$@ gotest.tools/gotestsum
	@touch $@

$(BIN)/golangci-lint: tools/go.mod
	$(GO) -C tools build -trimpath -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

$(BIN)/skips $(BIN)/notices: $(BIN)/%: tools/go.mod $(wildcard tools/skips/*.go tools/notices/*.go)
	$(GO) -C tools build -trimpath -o ../$@ ./$*
	@touch $@
