# One command sets everything up and shows it; one sets up and passes the tests. All of it stays in .venv.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt

.PHONY: demo test test-kill test-ray test-dist lint bench clean

demo: .venv/installed  ## the built-in sample, the built-in surrogate, a trace in colour; in ./demo
	$(BIN)/toolrec recommend --workspace demo --user 42 --trace

test: .venv/developed lint  ## everything that must hold
	$(BIN)/pytest --numprocesses auto

test-kill: .venv/developed  ## runs killed at 200 moments each go on to the same lists, and pay for nothing twice; some minutes
	KILLS=200 $(BIN)/pytest tests/operations/test_killed_runs.py tests/operations/test_killed_model_runs.py --numprocesses auto

test-ray: .venv-ray/installed  ## runs on two machines of a Ray cluster, played on this one; some minutes
	.venv-ray/bin/python -m pytest tests/on_ray

test-dist: .venv/developed  ## trainings in two processes, one of them killed; a minute
	TEST_DIST=1 $(BIN)/pytest tests/operations/test_torchrun.py tests/models/test_distributed.py

lint: .venv/developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-cache --no-logo

bench: .venv/installed  ## the figures of docs/results.md; needs the real data, takes an hour
	$(BIN)/python benchmarks/ml_1m.py

clean:
	rm -rf .venv .venv-ray demo build dist .pytest_cache .ruff_cache .hypothesis

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

.venv-ray/installed: constraints.txt pyproject.toml  # beside .venv: the program has to be whole without Ray
	$(PYTHON) -m venv .venv-ray
	.venv-ray/bin/python -m pip --disable-pip-version-check --quiet install --editable '.[ray]' pytest hypothesis
	touch $@
