# Each target stands alone on a fresh clone: it makes .venv, installs what requirements/ locks, and remembers it in a stamp.
# Needs make, Python 3.11 or newer with venv, and a package index. Another Python: make demo PYTHON=python3.12
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test lint bench bench-scale lock sbom audit licences clean chromium java

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
# Deferred until a target needs it, so that `make help` starts nothing.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$name && break; done)
VENV := .venv
AUDIT := var/audit
BIN := $(VENV)/bin
# Wheels only: building one would run a build backend that no hash covers.
PIP_INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary=:all:
INSTALLED_BY := pyproject.toml requirements/build.txt

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed-demo ## train on a real grocer's purchases, then serve them at http://127.0.0.1:8000
	@$(BIN)/recsvc demo

test: lint chromium java sbom $(VENV)/.installed-spark ## everything CI runs: linters, types, then every test
	@$(BIN)/python -m pytest --numprocesses 2

lint: $(VENV)/.installed-dev ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/.installed-dev ## the numbers that the documents quote, measured here
	@$(BIN)/python -m benchmarks

SIZES ?= 10000 100000
bench-scale: $(VENV)/.installed-dev ## how training grows with a shop: make bench-scale SIZES='10000 100000 1000000'
	@$(BIN)/python -m benchmarks.scale --customers $(SIZES)

lock: ## renew requirements/*.txt; newer versions of everything: make lock UPGRADE=--upgrade
	@$(call make_venv,var/lock)
	@var/lock/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/lock.txt
	@$(call lock_as,dev,pyproject.toml --extra dev)
	@$(call lock_as,serve,pyproject.toml --extra postgres --extra object-storage --constraint requirements/dev.txt)
	@$(call lock_as,train,pyproject.toml --extra train --extra postgres --extra object-storage --constraint requirements/dev.txt)
	@$(call lock_as,spark,pyproject.toml --extra spark --extra postgres --extra object-storage --constraint requirements/dev.txt)
	@$(call lock_as,demo,pyproject.toml --extra demo --constraint requirements/dev.txt)
	@$(call lock_as,build,--group build)
	@$(call lock_as,lock,--group lock)
	@$(call lock_as,audit,--group audit)

sbom: $(AUDIT)/.installed ## what the two images hold, as CycloneDX: var/sbom/serve.cdx.json and train.cdx.json
	@mkdir -p var/sbom
	@for name in serve train; do PYTHONWARNINGS=ignore $(AUDIT)/bin/cyclonedx-py requirements --pyproject pyproject.toml --mc-type application \
		--output-reproducible --spec-version 1.6 --output-format JSON --validate \
		--output-file var/sbom/$$name.cdx.json requirements/$$name.txt; done

audit: $(AUDIT)/.installed ## known vulnerabilities of what is locked; asks a service on the network, and says so when it cannot
	@$(AUDIT)/bin/python -m tests.audit

licences: $(VENV)/.installed-dev ## renew docs/licences.md from what is locked and installed
	@$(BIN)/python -m tests.licences

clean: ## forget .venv and the tools' caches; var/, where the store lies, stays
	@rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# $(1): the file in requirements/; $(2): which part of pyproject.toml it locks
lock_as = var/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header \
	$(UPGRADE) $(2) --output-file requirements/$(1).txt

# $(1): the directory. A venv that another Python left unfinished is made anew.
define make_venv
	python="$(PYTHON)"; \
	if [ -z "$$python" ] || ! "$$python" -c '$(NEW_ENOUGH)' 2>/dev/null; then \
		echo "recsvc needs Python 3.11 or newer, found $$(python3 --version 2>&1 || true). Install it:" >&2; \
		echo "  Debian, Ubuntu: apt-get install python3 python3-venv      macOS: brew install python" >&2; \
		echo "or name another one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$$python has no venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; fi; \
	"$(1)/bin/python" -m pip --version >/dev/null 2>&1 || "$$python" -m venv --clear "$(1)"
endef

# PySpark comes as source alone, and runs no build of ours: setuptools, locked in build.txt, packs its files (450 MB).
$(VENV)/.installed-spark: requirements/spark.txt $(VENV)/.installed-dev
	@echo "Installing PySpark into $(VENV) (450 MB, a minute or two, once) …" >&2
	@$(PIP_INSTALL) --no-binary=pyspark --no-build-isolation -r requirements/spark.txt
	@touch $@

$(VENV)/.installed-%: requirements/%.txt $(INSTALLED_BY)
	@$(call make_venv,$(VENV))
	@echo "Installing requirements/$*.txt into $(VENV) (a minute or two, once) …" >&2
	@$(PIP_INSTALL) -r requirements/build.txt -r requirements/$*.txt
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-index --no-deps --no-build-isolation -e .
	@$(BIN)/python -c 'import lightgbm' 2>/dev/null || { \
		echo "LightGBM cannot load. It needs the OpenMP runtime:" >&2; \
		echo "  Debian, Ubuntu: apt-get install libgomp1      macOS: brew install libomp" >&2; exit 1; }
	@touch $@

# In a venv of their own: what looks through the locks must not be held back by what they lock.
$(AUDIT)/.installed: requirements/audit.txt
	@$(call make_venv,$(AUDIT))
	@$(AUDIT)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary=:all: -r $<
	@touch $@

# What Spark runs on. Without it the tests of --engine spark are skipped, loudly; in CI they fail.
java:
	@if ! command -v java >/dev/null 2>&1 && [ -z "$${JAVA_HOME:-}" ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing a Java runtime for the tests of Spark …" >&2; \
			{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
				default-jre-headless; } >/dev/null || echo "Java could not be installed; see above" >&2; \
		else echo "No Java here: the tests of Spark will be skipped. Install it: apt-get install default-jre-headless" >&2; fi; fi

# What the browser tests drive. Without it they are skipped, loudly; in CI they fail.
chromium:
	@if ! command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null 2>&1; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing Chromium for the browser tests …" >&2; \
			{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } \
				>/dev/null || echo "Chromium could not be installed; see above" >&2; \
		else echo "No Chromium here: the browser tests will be skipped. Install it: apt-get install chromium" >&2; fi; fi
