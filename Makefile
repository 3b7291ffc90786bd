# Everything starts from Python 3.11 or newer with venv; what else is needed is installed here, from the lock.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

SERVERS := .servers/.installed

.PHONY: install servers demo test lint bench bench-peers lock clean

install: $(STAMP)

servers: $(SERVERS)

# Real servers for the tests, from npm and Debian.
$(SERVERS): scripts/servers.sh tests/servers/node/package-lock.json
	scripts/servers.sh
	mkdir -p $(@D)
	touch $@

$(STAMP): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	touch $(STAMP)

demo: install
	$(PY) scripts/demo.py

test: install servers
	$(PY) -m pytest -n 4 --dist loadgroup

lint: install
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(PY) scripts/generate.py --check

# Against peers, in turns, one table: on the terminal and in bench.md.
ROWS ?= 200000
DIFF_ROWS ?= $(ROWS)
DOCUMENTS ?= 1000
AUDIENCES ?= 50
ROUNDS ?= 3
MEMORY ?= 512MiB
ONLY ?= exports many increment diff control
bench: install
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(PY) -m bench --rows $(ROWS) --diff-rows $(DIFF_ROWS) --documents $(DOCUMENTS) \
	  --audiences $(AUDIENCES) --rounds $(ROUNDS) --memory $(MEMORY) --only $(ONLY)

# What peers need that can't be beside what we need; bench does without.
bench-peers:
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/peers.lock

# Needs uv; names no registry, so any mirror serves.
lock:
	uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --no-emit-index-url -q -o requirements/dev.lock
	uv pip compile requirements/peers.in --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --no-emit-index-url -q -o requirements/peers.lock
	cd tests/servers/node && npm install --silent --package-lock-only && node strip.js

clean:
	rm -rf $(VENV) .venv-peers .servers build dist demo
