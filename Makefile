# Centrala: `make run` starts the exchange, `make test` proves it. `make help` lists the rest.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: help run demo test lint unit phones deny bench sounds phone-soundcard setup clean

CONFIG ?= config
DATA ?= data

help:           ## this list
	@sed -n 's/^\([a-z-]*\): *\([a-z ]*\)## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

run:            ## install what is missing, build, and start the exchange with the shipped config/
	@scripts/setup run
	cargo build --profile quick --bin centrala
	exec target/quick/centrala run --config $(CONFIG) --data $(DATA)

demo:           ## one call from dialling to the record, without any phone or sound card, told as it unfolds
	@scripts/setup run
	cargo build --profile quick --bin centrala
	target/quick/centrala demo --out target/demo

test: setup     ## everything that must hold: format, lints, tests, real phones (installs what is missing)
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory unit
	@echo "make test: all passed"

setup:
	@scripts/setup test

lint:           ## rustfmt and clippy, warnings denied, here and in the load tool
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo fmt --check --manifest-path tests/load/Cargo.toml
	cargo clippy --all-targets --manifest-path tests/load/Cargo.toml --target-dir target/load -- -D warnings

# cargo-nextest runs each test in its own process and keeps to two real phones at once; without it cargo's own runner serves.
unit:
	@if cargo nextest --version >/dev/null 2>&1; then \
	    set -x; cargo nextest run --no-fail-fast; \
	else \
	    echo "cargo-nextest is not installed (cargo install cargo-nextest --locked): using cargo test"; \
	    set -x; cargo test --no-fail-fast --lib --bins --tests; \
	fi
	cargo test --doc

phones:         ## only the real daemon with real phones
	@scripts/setup test
	@if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --test daemon --no-fail-fast; else cargo test --test daemon -- --test-threads 2; fi

deny:           ## licences, sources and banned crates of the dependency tree
	@scripts/setup deny
	cargo deny check bans licenses sources

bench:          ## measure the release build and print the figures beside the peers'
	@scripts/setup bench
	cargo build --release --bin centrala
	cargo build --release --manifest-path tests/load/Cargo.toml --target-dir target/load
	python3 tests/load/bench.py $(BENCH)
	cargo bench --bench sip
	cargo bench --bench acd
	cargo bench --bench calls
	cargo bench --bench fork
	cargo bench --bench registrar
	cargo bench --bench simulate
	cargo bench --bench ivr

sounds:         ## speak new and changed prompts with espeak-ng
	@scripts/setup sounds
	cargo run --quiet -- sounds build

phone-soundcard: ## build `centrala phone` with the sound card (installs libasound2-dev)
	@scripts/setup soundcard
	cargo build --profile quick --bin centrala --features soundcard
	@echo "target/quick/centrala phone --user 1001 --password-file data/secrets/1001 call 100 --soundcard"

clean:          ## forget what was built
	cargo clean
