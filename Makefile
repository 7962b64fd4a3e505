# A target directory outside the checkout: a fresh clone need not compile RocksDB again.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/loghorn/target

# Expanded when a recipe runs, so that a ccache which `setup` has just installed is used from the first build on.
ccache = $(shell command -v ccache 2>/dev/null)
ifeq ($(origin CC),default)
export CC = $(if $(ccache),ccache )gcc
endif
ifeq ($(origin CXX),default)
export CXX = $(if $(ccache),ccache )g++
endif

.PHONY: help setup dashboard run demo test test-browser test-shippers screenshots soak mutants fuzz bench fmt lint openapi

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 10

setup: ## Install what building needs and is missing
	@scripts/setup.sh

dashboard: ## Build the dashboard, where its sources changed and npm is installed
	@scripts/dashboard.sh

run: setup dashboard ## Start the server: make run ARGS="--bind 127.0.0.1:9000"
	cargo run --release --locked -- serve $(ARGS)

demo: setup dashboard ## Run a shop to look at: make demo ARGS="--rate 100"
	cargo run --release --locked -- demo $(ARGS)

test: ## Run all tests, those of the dashboard in a real browser, too
	@scripts/setup.sh --test
	@scripts/dashboard.sh
	cargo test --workspace --locked --features failpoints
	@scripts/dashboard.sh test

test-browser: dashboard ## Test the dashboard in a real browser alone; all at full size: LOGHORN_BROWSER_LONG=1
	@scripts/setup.sh --browser
	cargo build --locked --features failpoints
	@scripts/dashboard.sh browser

test-shippers: ## Let stock log shippers send to it, which are installed where they are missing
	@scripts/setup.sh --test
	@scripts/shippers.sh
	LOGHORN_SHIPPERS_REQUIRED=1 cargo test --locked --features failpoints --test shippers --test shipper_syslog_ng

screenshots: dashboard ## Take pictures of every page for docs/screenshots, about four minutes
	@scripts/setup.sh --pictures
	cargo build --locked --features failpoints
	@scripts/dashboard.sh screenshots

soak: ## Make every fault at full size, about two hours: make soak ARGS="R1 R10" SCALE=0.1
	@scripts/setup.sh --test
	cargo test --release --locked --test soak -- $(ARGS)

mutants: ## Break the pure core on purpose and see that a test notices, about half an hour
	scripts/mutants.py $(ARGS)

fuzz: setup ## Feed anything to all that reads what others send: make fuzz SECONDS=600 ARGS="url keys"
	@scripts/fuzz.sh $(or $(SECONDS),20) $(ARGS)

bench: setup ## Measure, each figure against a ceiling of the same run
	cargo bench --workspace --locked --bench end_to_end --bench server --bench past --bench ingest --bench shippers --bench matching

fmt: ## Format the code
	cargo fmt --all

lint: setup ## Clippy, and cargo-deny where it is installed
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked --features failpoints -- -D warnings
	cargo clippy --locked --test soak -- -D warnings
	@scripts/fuzz.sh check
	@scripts/dashboard.sh lint
	@scripts/deny.sh

openapi: setup ## Write web/openapi.json anew
	cargo run --quiet --locked --features failpoints -- openapi > web/openapi.json
