# dpslab. The two commands of a new user: make run, make test.

SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -c

GO      ?= go
BIN     := bin/dpslab
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
PKG     := ./...
FUZZ    ?= 20s

.PHONY: build run demo test lint cross bench shots fuzz packages

# Without cgo the binary is static: it starts without a dynamic loader, a tenth
# sooner, and runs on any Linux that it is copied to.
build: ## the binary, bin/dpslab
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/dpslab

run: build ## open the workbench
	@$(BIN)

demo: build ## the whole flow in the lab, without a screen
	@$(BIN) demo

test: packages lint ## everything
	$(GO) test -race -timeout 15m $(PKG)

lint: ## formatting, vet, staticcheck
	@test -z "$$($(GO) tool gofumpt -l cmd tui workflow pki profiles | tee /dev/stderr)"
	$(GO) vet $(PKG)
	$(GO) tool staticcheck $(PKG)

cross: ## it builds, and vet finds nothing, for the other systems
	@for os in windows darwin freebsd; do echo $$os; GOOS=$$os $(GO) vet $(PKG) && GOOS=$$os $(GO) build $(PKG) || exit 1; done

bench: ## the benchmarks as a table
	$(GO) test -run '^$$' -bench . -benchmem $(PKG) | grep -E '^(Benchmark|pkg:)'

shots: ## every screen as a picture, in shots/
	$(GO) test ./tui -run TestShots -count 1 -shots $(CURDIR)/shots

fuzz: ## every fuzz test for FUZZ (default 20s)
	@for pkg in $$($(GO) list $(PKG)); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZ) -fuzzminimizetime 10x $$pkg || exit 1; \
	  done; \
	done

# What the tests call besides Go: clients that nobody here wrote.
packages:
	@missing=; for tool in curl openssl node:nodejs npm swtpm; do command -v $${tool%%:*} >/dev/null || missing="$$missing $${tool##*:}"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq $$missing; \
	  else echo "the tests need:$$missing"; exit 1; fi; \
	fi
