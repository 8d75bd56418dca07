# Every target makes what it needs; .venv holds it all.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint check format docs bench clean

demo: $(VENV)/.installed
	$(BIN)/bptt diagnose --report report.html
	@echo "Open it in a browser: $(CURDIR)/report.html"

test: $(VENV)/.tests
	$(BIN)/python -m pytest

lint: $(VENV)/.checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test

format: $(VENV)/.checks
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.tests
	$(BIN)/python docs/figures.py
	$(BIN)/python -m tests.blocks --write README.md docs/*.md

bench: $(VENV)/.bench
	$(BIN)/python benchmarks/by_lag.py

clean:
	rm -rf $(VENV) report.html

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(VENV)/.tests: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.checks: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[test,check]'
	@touch $@ $(VENV)/.tests $(VENV)/.installed

$(VENV)/.bench: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[bench]'
	@touch $@
