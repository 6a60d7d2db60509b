# Everything a newcomer needs: make demo, make test.  `make help` lists the rest.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed

.PHONY: help install demo test simulate chaos coverage check house format bench figures clean

help:  ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -e 's/:.*##/\t/'

$(STAMP): setup.py pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=23.2"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

install: $(STAMP)  ## Make the environment in .venv and install zcasync into it

demo: $(STAMP)  ## Index the standard library with durable jobs, kill a child on the way
	$(BIN)/zcasync demo

test: $(STAMP)  ## Run the whole test suite
	$(BIN)/python -m pytest -n 3 --dist loadfile

simulate: $(STAMP)  ## Simulated histories for SECONDS (300), of SEED (by chance), or one WALK of them
	ZCASYNC_SIMULATE_SECONDS=$(or $(SECONDS),300) ZCASYNC_SIMULATE_SEED=$(SEED) \
		ZCASYNC_SIMULATE_UNDO=$(UNDO) $(if $(WALK),ZCASYNC_SIMULATE_WALK=$(WALK)) \
		$(BIN)/python -m pytest tests/simulation/test_simulation.py

chaos: $(STAMP)  ## Kill and freeze everything, then simulate, ten minutes each (SECONDS=, SEED=, JOBS=), or one POINT=
	CHAOS_SECONDS=$(or $(SECONDS),300) CHAOS_SEED=$(SEED) CHAOS_JOBS=$(JOBS) \
		$(if $(POINT),CHAOS_POINT=$(POINT)) $(BIN)/python -m pytest --capture=no \
		$(if $(POINT),tests/chaos/test_points.py,tests/chaos tests/processes/test_storage_away.py)
	$(if $(POINT),,ZCASYNC_SIMULATE_SECONDS=$(or $(SECONDS),600) ZCASYNC_SIMULATE_SEED=$(SEED) \
		$(BIN)/python -m pytest tests/simulation/test_simulation.py)

coverage: $(STAMP)  ## The test suite with coverage, of children too
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

check: $(STAMP)  ## Style, types, import rules, and the limits of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet tests/test_dependencies.py

house: $(STAMP)  ## Print the figures of the house, of another checkout too (BEFORE=)
	$(BIN)/python -m tests.house $(BEFORE) .

format: $(STAMP)  ## Put the code in its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## Measure all that docs/performance.rst claims, in about five minutes
	$(BIN)/python -m bench --json bench.json

figures: $(STAMP)  ## Put the figures of bench.json and two plots into docs/
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[bench]"
	$(BIN)/python -m bench.document bench.json

clean:  ## Remove what make has made
	rm -rf $(VENV) build *.egg-info .coverage* .pytest_cache .mypy_cache .ruff_cache
