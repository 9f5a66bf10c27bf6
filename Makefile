# Two commands do everything from nothing: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest
SERVING := $(addprefix tests/,http governed visibility auditing edge identity production)

.PHONY: setup demo test test-slow test-processes test-faults test-faults-under-load test-interop test-hsm load soak benchmarks audit-dependencies lint fix docs serve lock clean

setup: $(READY) ## install everything, pinned and checked by hash

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: $(READY) ## play a whole business network over HTTP, with real keys
	$(BIN)/sekisho demo

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint ## lint, types, import rules, tests on SQLite and on PostgreSQL
	$(PYTEST) -n auto

test-slow: $(READY) ## long Hypothesis profiles and deep suites
	HYPOTHESIS_PROFILE=deep $(PYTEST) -n auto -m slow

test-processes: $(READY) ## tests that start servers, each as two API and two verification workers on PostgreSQL
	$(PYTEST) -n auto --processes $(SERVING)
	$(PYTEST) --processes -m "interop or hsm" tests/interop tests/hsm

test-faults: $(READY) ## kills processes under load
	$(PYTEST) -m faults

test-faults-under-load: $(READY) ## of these, what is broken under load, SEKISHO_FAULTS times each
	$(PYTEST) -m faults tests/faults/test_under_load.py

test-interop: $(READY) ## openssl, curl, pkilint and others as clients
	$(PYTEST) -m interop

test-hsm: $(READY) ## PKCS#11 keys in SoftHSM 2
	$(PYTEST) -m hsm

load: $(READY) ## a network with history under mixed load, bounded in time and count
	timeout 600 $(BIN)/python -m tests.benchmarks load

soak: $(READY) ## five minutes at full load: memory and open files stay flat
	timeout 900 $(BIN)/python -m tests.benchmarks soak

benchmarks: $(READY) ## every benchmark, one after another; writes docs/benchmarks.md
	$(BIN)/python -m tests.benchmarks --record

audit-dependencies: $(READY) ## look for known vulnerabilities in what requirements.lock pins
	.ci/audit-dependencies

fix: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## write the generated pages of docs/reference anew
	$(BIN)/python -m tests.docs.generate

serve: $(READY)
	$(BIN)/sekisho serve

lock: ## write requirements.lock from the ranges in pyproject.toml
	UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --all-extras pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
