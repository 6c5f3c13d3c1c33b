# DuRi's build and checks. `make` alone prints what there is.
#
# Needs Python 3.11 or later, a C compiler and Rust; everything else is installed from the locks
# into .venv. Quiet when it works; a failure shows the output of the step that failed.

# The first of these that runs, is new enough and can make environments: a name on PATH may be a shim
# of a version manager for a version that is not active.
PYTHON ?= $(shell for python in python3.11 /usr/bin/python3.11 python3.12 python3.13 python3.14 python3; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2> /dev/null \
	&& echo $$python && break; done)
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
FUZZ_SECONDS ?= 10
PYTEST_ARGS ?=
BENCH_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
# pip: only what the lock names, only the files it has the hashes of.
INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps
CODE := src tests $(foreach folder,bench scripts,$(if $(wildcard $(folder)/*.py),$(folder)))
# The floor of the benchmarks is a workspace of its own: no code in common with what it measures.
FLOOR := bench/floor/Cargo.toml
CORE := $(wildcard src/duri/tree/_core*.so)
RUST := $(shell find crates -name '*.rs' -o -name Cargo.toml 2>/dev/null) \
	$(wildcard Cargo.toml Cargo.lock rust-toolchain.toml .cargo/config.toml)

# One interpreter for maturin, clippy and cargo test, so that PyO3 is configured once.
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
# Logs, results and coverage; made here because every check writes to it.
_ := $(shell mkdir -p build)
# One line a step; cargo and pip stay silent unless they fail.
say = @printf '==> %s\n'

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules

##@ Use
.PHONY: help build demo bench bench-watch
help: ## print this
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: $(VENV)/.built ## .venv with the locked packages, the compiled core and .venv/bin/duri
	@:

demo: build ## seal a real tree, gate a command with it, damage it in every way
	@./examples/demo.sh

bench: build .venv-bench/.installed .venv-runtime/.built ## compare with the floor and other tools; writes docs/benchmarks
	@.venv-bench/bin/python -m bench --duri .venv-runtime/bin/duri $(BENCH_ARGS)

bench-watch: build .venv-bench/.installed .venv-runtime/.built ## measure and soak the watcher; writes docs/benchmarks/watch.md
	@.venv-bench/bin/python -m bench.watch --duri .venv-runtime/bin/duri $(BENCH_ARGS)

##@ Check
.PHONY: test system lint types layers stubs rust tests fuzz
test: system lint types layers stubs fuzz rust tests ## everything CI runs

system: ## install the Debian packages that tests use (root only; skipped elsewhere)
	@./scripts/install_system_packages.sh requirements/system.txt

lint: $(VENV)/.installed ## ruff, spelling, rustfmt
	$(say) "lint"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "run: make format" >&2; exit 1; }
	@$(BIN)/codespell
	@cargo fmt --all --check
	@cargo fmt --manifest-path $(FLOOR) --check

types: $(VENV)/.installed ## mypy, strict
	$(say) "types"
	@$(BIN)/mypy --no-error-summary $(CODE)

layers: $(VENV)/.installed ## imports point one way
	$(say) "layers"
	@PYTHONPATH=src $(BIN)/lint-imports --no-logo > build/layers.txt || { cat build/layers.txt; exit 1; }

stubs: build ## _core.pyi says what the compiled core is
	$(say) "stubs"
	@MYPYPATH=src $(BIN)/python -m mypy.stubtest --concise duri.tree._core

rust: build ## clippy and the tests of the core
	$(say) "clippy"
	@cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
	@cargo clippy --quiet --locked --manifest-path $(FLOOR) --all-targets -- -D warnings
	$(say) "rust tests"
	@cargo test --quiet --locked --workspace > build/rust.log 2>&1 || { cat build/rust.log >&2; exit 1; }
	@awk '/^test result: ok/ {passed += $$4; failed += $$6; ignored += $$8} \
	  END {printf "cargo test: %d passed; %d failed; %d ignored\n", passed, failed, ignored}' build/rust.log

fuzz: build ## each parser against malformed input, FUZZ_SECONDS (10) each
	@./scripts/fuzz.sh $(FUZZ_SECONDS)

tests: build ## the Python tests, with branch coverage of the command line too
	$(say) "tests"
	@rm -rf build/coverage && mkdir build/coverage
	@# The table of what is not covered is shown when it is the reason of the failure.
	@$(BIN)/python -m pytest -q -n $(JOBS) --cov --cov-report= $(PYTEST_ARGS) || { status=$$?; \
	  $(BIN)/coverage report > build/coverage.txt 2>&1 || tail -n 60 build/coverage.txt >&2; exit $$status; }

##@ Change
.PHONY: format lock clean
format: $(VENV)/.installed ## ruff and rustfmt
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .
	@cargo fmt --all
	@cargo fmt --manifest-path $(FLOOR)

lock: .venv-lock/.installed ## renew requirements/*.txt from pyproject.toml and requirements/*.in
	@./scripts/lock.sh

clean: ## remove what the build and the checks made
	rm -rf $(VENV) .venv-bench .venv-lock .venv-runtime build target .coverage* .hypothesis .import_linter_cache \
	  .mypy_cache .pytest_cache .ruff_cache
	find src tests -name '_core*.so' -delete -o -name __pycache__ -prune -exec rm -rf {} +

# An environment is made anew when its lock changes and when the checkout was moved or copied:
# its scripts and its link to src/ hold absolute paths.
.PHONY: FORCE
FORCE:
moved = $(if $(filter $(CURDIR),$(shell cat $(1)/.root 2>/dev/null)),,FORCE)
define environment
	@rm -rf $(@D)
	@test -n '$(PYTHON)' || { echo 'no Python 3.11 or later with venv here (Debian: apt-get install python3.11-venv);' \
	  'name another: make PYTHON=...' >&2; exit 1; }
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python $(INSTALL) -r $(1)
	@# Its .pth file would run at each start of Python; nothing here needs it.
	@$(@D)/bin/python -m pip uninstall --quiet --yes setuptools
	@printf '%s\n' '$(CURDIR)' > $(@D)/.root
	@touch $@
endef

$(VENV)/.installed: requirements/dev.txt $(call moved,$(VENV))
	$(say) "installing requirements/dev.txt into $(@D)"
	$(call environment,$<)

.venv-bench/.installed: requirements/bench.txt $(call moved,.venv-bench)
	$(say) "installing requirements/bench.txt into $(@D)"
	$(call environment,$<)

# What users install: the wheel and its locked dependencies, nothing else, since each costs a start.
.venv-runtime/.installed: requirements/runtime.txt $(call moved,.venv-runtime)
	$(say) "installing requirements/runtime.txt into $(@D)"
	$(call environment,$<)

.venv-runtime/.built: .venv-runtime/.installed $(VENV)/.built $(shell find src -name '*.py')
	$(say) "installing the wheel into $(@D)"
	@rm -rf build/wheel
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) PIP_NO_INDEX=1 $(BIN)/maturin build --release --locked --out build/wheel \
	  > build/wheel.log 2>&1 || { cat build/wheel.log >&2; exit 1; }
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps \
	  --force-reinstall build/wheel/*.whl
	@touch $@

.venv-lock/.installed: requirements/lock.txt $(call moved,.venv-lock)
	$(say) "installing requirements/lock.txt into $(@D)"
	$(call environment,$<)

$(VENV)/.built: $(VENV)/.installed pyproject.toml $(RUST) $(if $(CORE),,FORCE)
	$(say) "compiling the core"
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) PIP_NO_INDEX=1 $(BIN)/maturin develop --release --locked \
	  > build/core.log 2>&1 || { cat build/core.log >&2; exit 1; }
	@touch $@
