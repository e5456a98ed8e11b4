# Everything a developer and CI need. On a bare clone: make demo, make test.
.PHONY: setup demo test check lint docs package oldest format clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS := $(VENV)/.docs
PACKERS := build twine check-wheel-contents

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; use make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

demo: setup
	$(BIN)/lsap demo

test: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy benchmarks
	$(BIN)/lint-imports

check: lint test

$(DOCS): $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $(DOCS)

docs: $(DOCS)  # build/site, without network; a link that leads nowhere is an error
	$(BIN)/python -m docs.site

package:  # dist: a wheel and a source distribution, checked
	test -x build/packers/bin/python || $(PYTHON) -m venv build/packers
	build/packers/bin/python -m pip install --quiet --constraint constraints.txt $(PACKERS)
	rm -rf dist
	build/packers/bin/python -m build
	build/packers/bin/twine check --strict dist/*
	build/packers/bin/check-wheel-contents dist/*.whl

oldest:  # the tests with the lowest versions that pyproject.toml allows
	test -x build/oldest/bin/python || $(PYTHON) -m venv build/oldest
	build/oldest/bin/python -m pip install --quiet --constraint constraints-oldest.txt --editable . pytest pytest-xdist hypothesis
	build/oldest/bin/python -m pytest -m 'not slow'

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
