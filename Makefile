# The commands of this project. `make help` lists them.
JOBS ?= $(shell nproc)
# End-to-end tests wait for servers and disks more than they compute.
TEST_JOBS ?= $(shell expr $(JOBS) + 2)
RELEASE := build/release
.DEFAULT_GOAL := help
.PHONY: help deps deps-cloud build demo demo-s3 test test-long test-sanitize lint bench fuzz install clean

help: ## this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install what building and testing need (root or sudo)
	@tools/install-dependencies.sh build

deps-cloud: # the services that the end-to-end tests start, and what of them Debian 12 does not have
	@tools/install-dependencies.sh cloud
	@tools/cloud/fetch.sh ceph-20.2 >/dev/null && tools/cloud/fetch.sh moto >/dev/null || true # the tests say it again

build: deps ## build build/release/seawall
	@cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	@cmake --build --preset release -j $(JOBS)
build: | build-folder
build-folder:
	@mkdir -p build
.PHONY: build-folder

demo: build ## the main job on real data, before your eyes, in two minutes
	@tools/demo/run.sh $(RELEASE)/seawall

demo-s3: build ## the same with sealed backups in buckets of two regions, one of which is lost
	@tools/install-dependencies.sh cloud
	@tools/demo/run.sh $(RELEASE)/seawall buckets

test: build deps-cloud ## every suite once, at a bounded size
	@ctest --preset release -j $(TEST_JOBS)

test-long: build deps-cloud ## the same code with bigger numbers, then PostgreSQL 14 to 18: hours
	@SEAWALL_LONG=1 ctest --preset long -j $(JOBS) --timeout 86400
	@tools/test-matrix.sh

test-sanitize: deps build-folder ## the quick tests under AddressSanitizer and UBSan
	@cmake --preset dev >build/configure-dev.log 2>&1 || { cat build/configure-dev.log; exit 1; }
	@cmake --build --preset dev -j $(JOBS) --target quick_tests
	@ctest --preset dev -j $(JOBS)

lint: build ## clang-format, clang-tidy, and the rooms
	@tools/install-dependencies.sh lint
	@tools/tidy.py
	@tools/lint.sh

bench: build ## our figures beside a peer's, on this machine
	@bench/run.sh

fuzz: build-folder ## build and run each fuzz target for a minute
	@tools/install-dependencies.sh fuzz
	@cmake --preset fuzz >build/configure-fuzz.log 2>&1 || { cat build/configure-fuzz.log; exit 1; }
	@cmake --build --preset fuzz --target fuzzers -j $(JOBS)
	@tools/fuzz.sh 60

install: build ## install below PREFIX (default /usr/local), within DESTDIR: program, units, completion, schema, rules
	@tools/install.sh $(RELEASE)/seawall

clean: ## remove build/
	@rm -rf build
