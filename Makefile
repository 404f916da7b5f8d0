# The front door. Each target is a few lines that can be typed by hand; `make help` lists them.
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 30
KILN = build/release/apps/kiln/kiln

LAUNCHER = $(if $(shell command -v ccache 2>/dev/null),-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
# Where addresses are more random than the thread sanitizer can bear ("unexpected memory mapping"), and a process
# may ask to be laid out without that, which is for every user but not in every container.
FIXED_ADDRESSES = $(shell setarch -R true 2>/dev/null && echo setarch -R)
SOURCES = git ls-files -co --exclude-standard -- '*.cc' '*.h'

# $(call build,PRESET): configures the first time (and again if that failed half way), then builds.
define build
	@test -f build/$(1)/build.ninja || cmake --preset $(1) $(LAUNCHER)
	@ninja -C build/$(1)
endef

.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help run test install deb tidy asan tsan fuzz bench format check-format setup clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

run: ## install what is missing, build, boot a kernel and run `uname -a` in it
	@scripts/setup build run
	$(call build,release)
	@$(KILN) run --timing -- uname -a

test: ## install what is missing, build with warnings as errors, run every test
	@scripts/setup build run test
	$(call build,dev)
	@scripts/run-tests build/dev

install: ## build and install under PREFIX (default /usr/local; DESTDIR is honoured)
	@scripts/setup build
	$(call build,release)
	@cmake --install build/release --prefix $(PREFIX)

deb: ## build a Debian package: build/release/kiln_*.deb
	@scripts/setup build package
	$(call build,release)
	@cd build/release && cpack -G DEB

tidy: ## clang-tidy over every file; fails when it finds something
	@scripts/setup build test develop
	@test -f build/tidy/build.ninja || cmake --preset tidy
	@ninja -C build/tidy -k 0

asan: ## unit and command-line tests under the address and undefined-behaviour sanitizers
	@scripts/setup build run test
	$(call build,asan)
	@scripts/run-tests build/asan -L 'unit|cli'

tsan: ## unit and command-line tests under the thread sanitizer
	@scripts/setup build run test
	$(call build,tsan)
	@$(FIXED_ADDRESSES) scripts/run-tests build/tsan -L 'unit|cli'

fuzz: ## run each fuzz target for FUZZ_SECONDS (default 30)
	@scripts/setup build test develop
	$(call build,fuzz)
	@scripts/run-fuzzers build/fuzz $(FUZZ_SECONDS)

bench: ## measure boots against virtme-ng (when installed) and clones, print ratios
	@scripts/setup build run test
	$(call build,release)
	@bench/boot --kiln $(KILN)
	@bench/clone --kiln $(KILN)

format: ## clang-format every file
	@scripts/setup develop
	@$(SOURCES) | xargs clang-format-19 -i

check-format: ## say which files clang-format would change
	@scripts/setup develop
	@$(SOURCES) | xargs clang-format-19 --dry-run -Werror

setup: ## install what building, running, testing and developing need
	@scripts/setup build run test develop

clean: ## remove build/
	rm -rf build
