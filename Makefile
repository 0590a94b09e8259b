# `make demo` and `make test` set everything up themselves; `make help` lists the targets.
PYTHON ?= python3
# Another package index for torch, e.g. TORCH_INDEX=https://download.pytorch.org/whl/cpu (or .../cu128 for CUDA).
TORCH_INDEX ?=
THREADS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup demo test test-all test-slurm peers docs lint format clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

setup: $(STAMP) ## create .venv with pinned versions

$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) --constraint requirements.lock --editable '.[dev]'
	$(BIN)/python -m lss.command.completion $(VENV)
	touch $@

demo: $(STAMP) ## reconstruct the initial conditions behind a halo catalogue of Gadget-4 and AHF (a minute or two)
	$(MAKE) --no-print-directory -C examples/quickstart BIN=$(abspath $(BIN)) OUT=$(abspath build/demo)

test: $(STAMP) ## the fast tests, as many files at a time as there are cores
	$(BIN)/python -m pytest -n auto --dist loadfile

test-all: $(STAMP) ## the slow physics checks too (an hour)
	$(BIN)/python -m pytest -m ''

test-slurm: $(STAMP) ## job arrays, signals and requeueing under a SLURM of one machine (needs root and slurm-wlm)
	bash tests/slurm/run.sh

peers: $(STAMP) ## other people's codes, for the benchmarks, in an environment of their own
	bash bench/peers.sh build/peers

docs: $(STAMP) ## regenerate the reference pages from the code, and build the site (build/site/index.html)
	$(BIN)/python docs/generate.py
	$(BIN)/python -m sphinx -q -W --keep-going docs build/site

lint: $(STAMP) ## ruff, mypy and the layers of the design
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(STAMP) ## rewrite the code in the one style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## everything that can be made again
	rm -rf build .venv
