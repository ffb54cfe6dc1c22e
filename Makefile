# make run   start a demo province on https://localhost:8443 (installs what is missing, builds, seeds; Ctrl-C stops, the data stays)
# make test  run every check and every test (installs the servers and the browser the tests drive)
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help run test build clean-data

help:
	@sed -n 's/^# make/make/p' Makefile

run: build
	@exec target/release/chuangsha serve --demo --data ./data $(ARGS)

build:
	@.ci/prepare run
	cargo build --release --locked --package chuangsha

test:
	@.ci/prepare test
	@.ci/test

clean-data:
	@rm -rf ./data
