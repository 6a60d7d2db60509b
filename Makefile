# Everything a newcomer needs: make demo, make test.  `make help` lists the rest.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
# Installs what a file of constraints/ lists, each file checked by its hash.  Wheels only, because a
# build would load tools that nobody has checked; WHEELS= where there are none for the machine.
WHEELS = --only-binary :all:
VERIFIED = install --quiet --require-hashes $(WHEELS) --requirement
# For `make check`: the tools that look at what zcasync pulls in, and that alone.
AUDIT = build/audit
RUNTIME = build/runtime
# For the package: the tools that build and look at it, and the files of what zcasync pulls in.
PACKAGE = build/package
FILES = build/files
# For the pages: what makes them, and what they make.
PAGES = build/pages
HTML = build/html

# The applications and storages that zcasync is tried with, each in an environment of its own:
# .venv-plone, ...
APPLICATIONS = zope6 zope5 plone pyramid relstorage
TRIALS = $(APPLICATIONS:%=integrations-%)

.PHONY: help install demo test integrations integrations-hosts $(TRIALS) matrix simulate chaos coverage check docs audit \
	package sizes constraints house format bench figures pictures clean

help:  ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -e 's/:.*##/\t/'

$(STAMP): setup.py pyproject.toml constraints/pip.txt constraints/dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip $(VERIFIED) constraints/pip.txt
	$(BIN)/python -m pip $(VERIFIED) constraints/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

install: $(STAMP)  ## Make the environment in .venv and install zcasync into it

demo: $(STAMP)  ## Index the standard library with durable jobs, kill a child on the way
	$(BIN)/zcasync demo

test: $(STAMP)  ## Run the whole test suite
	$(BIN)/python -m pytest -n 3 --dist loadfile

# Of the tests that depend on ZODB and ZEO: with the oldest versions of all that zcasync needs, with
# the newest that Zope 5 can have, and with the newest.
MATRIX = .venv-oldest .venv-zope5 $(VENV)
MATRIX_TESTS = tests/test_versions.py tests/job/test_field_types.py tests/salvage/test_sound.py \
	$(wildcard tests/database/test_*.py) \
	$(patsubst %,tests/zeo/test_%.py,client connections history older server upstream) \
	$(patsubst %,tests/perform/test_%.py,claimed doubt escapes job_connection performer) \
	$(patsubst %,tests/queues/test_%.py,claim lane order put) \
	$(patsubst %,tests/processes/test_%.py,doubt fence group_commit plain_zeo thread_jobs undo \
		versions zeo)

.venv-%/.installed: constraints/pip.txt constraints/%.txt setup.py pyproject.toml
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip $(VERIFIED) constraints/pip.txt
	$(@D)/bin/python -m pip $(VERIFIED) constraints/$*.txt
	$(@D)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

matrix: $(MATRIX:%=%/.installed)  ## Tests with the oldest and the newest ZODB and ZEO, and those of Zope 5
	for each in $(MATRIX); do \
		$$each/bin/python -m pytest -n 2 --dist loadfile $(MATRIX_TESTS) || exit; done

$(TRIALS): integrations-%: .venv-%/.installed
	ZCASYNC_INTEGRATIONS=$(patsubst zope%,zope,$*) \
		.venv-$*/bin/python -m pytest tests/integrations/$(patsubst zope%,zope,$*)

# Hosts are namespaces, which only root may make: elsewhere these tests say so and are skipped.
integrations-hosts: $(STAMP)
	ZCASYNC_INTEGRATIONS=hosts $(BIN)/python -m pytest tests/integrations/hosts

integrations: $(TRIALS) integrations-hosts  ## zcasync in real sites of Zope 6 and 5, Plone and Pyramid, on PostgreSQL and on several hosts, or make integrations-plone alone

simulate: $(STAMP)  ## Simulated histories for SECONDS (300), of SEED (by chance), or one WALK of them
	ZCASYNC_SIMULATE_SECONDS=$(or $(SECONDS),300) ZCASYNC_SIMULATE_SEED=$(SEED) \
		ZCASYNC_SIMULATE_UNDO=$(UNDO) $(if $(WALK),ZCASYNC_SIMULATE_WALK=$(WALK)) \
		$(BIN)/python -m pytest tests/simulation/test_simulation.py

CHAOS = tests/chaos tests/processes/test_storage_away.py tests/processes/test_hostile_jobs.py

# With another storage: what is about that; and in an environment that has it.
ON_STORAGE = tests/chaos/test_random.py tests/chaos/test_points.py
WITH_STORAGE = $(if $(filter relstorage,$(STORAGE)),.venv-relstorage,$(VENV))

chaos: $(WITH_STORAGE)/.installed  ## Kill and freeze everything, then simulate, ten minutes each (SECONDS=, SEED=, JOBS=, HOSTILE=), or one POINT=, or STORAGE=
	CHAOS_SECONDS=$(or $(SECONDS),300) CHAOS_SEED=$(SEED) CHAOS_JOBS=$(JOBS) \
		CHAOS_STORAGE=$(STORAGE) \
		ZCASYNC_HOSTILE_JOBS=$(or $(HOSTILE),300) ZCASYNC_HOSTILE_SEED=$(SEED) \
		$(if $(POINT),CHAOS_POINT=$(POINT)) $(WITH_STORAGE)/bin/python -m pytest --capture=no \
		$(if $(POINT),tests/chaos/test_points.py,$(if $(STORAGE),$(ON_STORAGE),$(CHAOS)))
	$(if $(POINT)$(STORAGE),,ZCASYNC_SIMULATE_SECONDS=$(or $(SECONDS),600) ZCASYNC_SIMULATE_SEED=$(SEED) \
		$(BIN)/python -m pytest tests/simulation/test_simulation.py)

coverage: $(STAMP)  ## The test suite with coverage, of children too
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

check: $(STAMP)  ## Style, types, import rules, the limits of the house, the pages, what is pulled in, and the package
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet tests/test_dependencies.py
	@$(MAKE) --no-print-directory docs audit package

$(PAGES)/.installed: constraints/pip.txt constraints/docs.txt
	$(PYTHON) -m venv $(PAGES)
	$(PAGES)/bin/python -m pip $(VERIFIED) constraints/pip.txt
	$(PAGES)/bin/python -m pip $(VERIFIED) constraints/docs.txt
	@touch $@

docs: $(PAGES)/.installed  ## Make the pages of docs/ and the reference, with each link checked, and say where they are
	$(PAGES)/bin/python -m sphinx --quiet --nitpicky --fail-on-warning --keep-going docs $(HTML)
	@echo "open file://$(abspath $(HTML))/index.html"

$(AUDIT)/.installed: constraints/pip.txt constraints/audit.txt
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip $(VERIFIED) constraints/pip.txt
	$(AUDIT)/bin/python -m pip $(VERIFIED) constraints/audit.txt --no-compile
	@touch $@

$(RUNTIME)/.installed: constraints/run.txt $(AUDIT)/.installed
	$(PYTHON) -m venv --clear --without-pip $(RUNTIME)
	$(AUDIT)/bin/python -m pip --python $(RUNTIME)/bin/python $(VERIFIED) $< --no-compile
	@touch $@

audit: $(STAMP) $(RUNTIME)/.installed  ## The list of what zcasync pulls in (build/sbom.json), and its known vulnerabilities
	$(AUDIT)/bin/cyclonedx-py environment $(RUNTIME)/bin/python --pyproject pyproject.toml \
		--output-reproducible --validate --output-file build/sbom.json
	$(BIN)/python -m tests.supply.audit $(AUDIT)/bin/pip-audit

$(PACKAGE)/.installed: constraints/pip.txt constraints/package.txt
	$(PYTHON) -m venv $(PACKAGE)
	$(PACKAGE)/bin/python -m pip $(VERIFIED) constraints/pip.txt
	$(PACKAGE)/bin/python -m pip $(VERIFIED) constraints/package.txt --no-compile
	@touch $@

$(FILES)/.complete: constraints/run.txt $(PACKAGE)/.installed
	rm -rf $(FILES)
	$(PACKAGE)/bin/python -m pip $(subst install,download,$(VERIFIED)) $< --no-deps --dest $(FILES)
	@touch $@

package: $(PACKAGE)/.installed $(FILES)/.complete  ## Build the package into dist/, and try it in empty environments
	$(PACKAGE)/bin/python -m tests.supply.package dist $(FILES)

sizes: $(RUNTIME)/.installed  ## What each package that zcasync pulls in takes on disk
	$(RUNTIME)/bin/python -m tests.supply.sizes

COMPILE = $(AUDIT)/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 \
	--generate-hashes $(WHEELS) --custom-compile-command "make constraints" \
	$(if $(filter all,$(UPGRADE)),--upgrade,$(addprefix --upgrade-package ,$(UPGRADE)))

constraints: $(AUDIT)/.installed  ## Make constraints/ anew from pyproject.toml; with later versions of UPGRADE= (names, or all)
	$(COMPILE) --group pip --output-file constraints/pip.txt
	$(COMPILE) --group audit --output-file constraints/audit.txt
	$(COMPILE) --group package --output-file constraints/package.txt
	$(COMPILE) pyproject.toml --output-file constraints/run.txt
	$(COMPILE) pyproject.toml --extra dev --constraint constraints/run.txt \
		--output-file constraints/dev.txt
	$(COMPILE) pyproject.toml --extra bench --constraint constraints/dev.txt \
		--output-file constraints/bench.txt
	$(COMPILE) pyproject.toml --extra docs --constraint constraints/dev.txt \
		--output-file constraints/docs.txt
	$(COMPILE) pyproject.toml --group oldest --resolution lowest-direct \
		--output-file constraints/oldest.txt
	set -e; for one in $(APPLICATIONS); do \
		$(COMPILE) pyproject.toml --group $$one --output-file constraints/$$one.txt; done

house: $(STAMP)  ## Print the figures of the house, of another checkout too (BEFORE=)
	$(BIN)/python -m tests.house $(BEFORE) .

format: $(STAMP)  ## Put the code in its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## Measure all that docs/performance.rst claims, in about five minutes
	$(BIN)/python -m bench --json bench.json

figures: $(STAMP)  ## Put the figures of bench.json and two plots into docs/
	$(BIN)/python -m pip $(VERIFIED) constraints/bench.txt
	$(BIN)/python -m bench.document bench.json

pictures: $(STAMP)  ## Draw the pictures of the processes and of the states of a job, for docs/
	$(BIN)/python docs/extensions/pictures.py docs

clean:  ## Remove what make has made
	rm -rf $(VENV) .venv-* build dist *.egg-info .coverage* .pytest_cache .mypy_cache .ruff_cache
