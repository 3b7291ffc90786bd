# Everything starts from Python 3.11 or newer with venv; what else is needed is installed here, from the lock.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: install demo test lint bench lock clean

install: $(STAMP)

$(STAMP): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	touch $(STAMP)

demo: install
	$(PY) scripts/demo.py

test: install
	$(PY) -m pytest -n 2 --dist loadfile

lint: install
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(PY) scripts/generate.py --check

# Against peers, in turns: ratios. Sizes by ROWS and DOCUMENTS.
ROWS ?= 300000
DOCUMENTS ?= 1000
bench: install
	$(PY) bench/exports.py --rows $(ROWS)
	$(PY) bench/diff.py --rows $(ROWS)
	$(PY) bench/config_10k.py --documents $(DOCUMENTS)

# Needs uv; names no registry, so any mirror serves.
lock:
	uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --no-emit-index-url -q -o requirements/dev.lock

clean:
	rm -rf $(VENV) build dist demo
