# One command sets everything up and shows it; one sets up and passes the tests. All of it stays in .venv.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt

.PHONY: demo test test-kill lint bench clean

demo: .venv/installed  ## the built-in sample, the built-in surrogate, a trace in colour; in ./demo
	$(BIN)/toolrec recommend --workspace demo --user 42 --trace

test: .venv/developed lint  ## everything that must hold
	$(BIN)/pytest --numprocesses auto

test-kill: .venv/developed  ## runs killed at 200 moments each go on to the same lists, and pay for nothing twice; some minutes
	KILLS=200 $(BIN)/pytest tests/operations/test_killed_runs.py tests/operations/test_killed_model_runs.py --numprocesses auto

lint: .venv/developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-cache --no-logo

bench: .venv/installed  ## the figures of docs/results.md; needs the real data, takes an hour
	$(BIN)/python benchmarks/ml_1m.py

clean:
	rm -rf .venv demo build dist .pytest_cache .ruff_cache .hypothesis

.venv/pip: constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) install --upgrade pip
	touch $@

.venv/installed: .venv/pip pyproject.toml
	$(PIP) install --editable .
	touch $@

.venv/developed: .venv/installed
	$(PIP) install --group dev
	touch $@
