# `make demo` and `make test` each do all their own set-up.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: help demo test check bench faults docs figures clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints/dev.txt constraints/oracle.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c constraints/dev.txt -e '.[dev]'
	$(BIN)/python -m pip install -q --no-deps -r constraints/oracle.txt
	touch $@

demo: $(STAMP) ## train on the real MNIST digits and leave a run folder
	$(BIN)/unstuck train mnist

test: $(STAMP) ## all tests, a few minutes
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

check: $(STAMP) ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

.venv/.bench: $(STAMP) constraints/bench.txt
	$(BIN)/python -m pip install -q -c constraints/dev.txt -c constraints/bench.txt -r constraints/bench.txt
	touch $@

docs: $(STAMP) ## what follows from the code: README's tree, the pictures of the main job
	$(BIN)/python docs/make.py

figures: $(STAMP) ## the pictures of docs/landscape.md, some minutes
	$(BIN)/python -m studies.landscape

faults: $(STAMP) ## the fault bench: causes, cures, false alarms, cost; about two hours, goes on where it was
	$(BIN)/python -m benchmarks.faults

bench: .venv/.bench ## speed beside the peers, about fifteen minutes
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.studies
	$(BIN)/python -m benchmarks.curvature

clean: ## remove the environment and caches
	rm -rf .venv .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
