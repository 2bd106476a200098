# Every target sets up what it needs; `make` alone lists them.
#
# PYTHON   the Python that runs the scripts; the environment takes the newest one that is found
# VENV     the environment's folder
# MM_WHEEL a wheel to install and test instead of the working tree
# ARGS     more words for pytest, the benchmarks or the crash tests

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
BIN := $(VENV)/bin
QUICK := $(addprefix --ignore tests/,contract crash e2e takeover)
SETUP := $(PYTHON) scripts/setup_env.py --venv $(VENV) $(if $(MM_WHEEL),--wheel $(MM_WHEEL))

.DEFAULT_GOAL := help
.PHONY: help test quick slow schemaless djangae test-matrix servers demo demo-pages lint format types imports docs screenshots bench bench-djangae crash contract backport clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' Makefile | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

test: ## everything but the slow tests, on every database (installs servers if root)
	$(PYTHON) scripts/install_servers.py
	$(if $(ARGS),,$(MAKE) schemaless djangae)
	$(PYTHON) scripts/old_release.py
	$(SETUP) test queues
	$(BIN)/python -m pytest -n 2 -m "not slow" $(ARGS)

schemaless: ## MongoDB, Datastore and Firestore, in environments of their own
	$(PYTHON) scripts/server_env.py mongo
	$(PYTHON) scripts/test_schemaless.py -n 2 $(ARGS)

djangae: ## Cloud Tasks through djangae, and tasks of 0.3.9, in environments of their own
	$(PYTHON) scripts/server_env.py cloud-tasks
	$(PYTHON) scripts/test_djangae.py -n 2 --dist loadscope -m "not slow" $(ARGS)

quick: ## in less than a minute: what needs SQLite alone, no browser and no processes that are killed
	$(SETUP) test
	$(BIN)/python -m pytest -n 2 -m "not slow and not browser and not processes" --databases sqlite $(QUICK) $(ARGS)

slow: ## the slow tests alone
	$(PYTHON) scripts/install_servers.py
	$(SETUP) test queues
	$(BIN)/python -m pytest -n 2 -m slow --timeout 900 $(ARGS)
	$(if $(ARGS),,$(MAKE) djangae ARGS="-m slow --timeout 900")

test-matrix: ## `make test` on each supported Django with its Python
	$(PYTHON) scripts/install_servers.py
	$(PYTHON) scripts/old_release.py
	$(PYTHON) scripts/test_matrix.py $(ARGS)

servers: ## start throwaway servers by hand and say where they are
	$(SETUP) test
	$(BIN)/python -m tests.servers

demo: ## a site with real data, to look at
	$(SETUP) test
	$(BIN)/python demo/run.py $(ARGS)

demo-pages: ## the web pages on the demo's data, with a worker
	$(SETUP) test
	$(BIN)/python demo/pages.py $(ARGS)

lint: ## ruff: rules and format
	$(SETUP) lint test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: ## ruff: repair what can be repaired
	$(SETUP) lint test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: ## mypy, strict, with django-stubs
	$(SETUP) lint test
	$(BIN)/mypy

imports: ## import-linter: dependencies point one way
	$(SETUP) lint test
	$(BIN)/lint-imports

docs: ## the documentation, warnings are errors
	$(SETUP) docs
	$(BIN)/python -m sphinx -W --keep-going -n -q -b html docs docs/_build/html

screenshots: ## the pictures of the pages in README and docs, from real runs
	$(PYTHON) scripts/install_servers.py
	$(SETUP) test screenshots
	$(BIN)/python scripts/screenshots.py

bench: ## benchmarks on durable servers, beside other packages, and their page (an hour)
	$(PYTHON) scripts/install_servers.py
	$(SETUP) test
	$(BIN)/python -m benchmarks.peers.environments
	$(BIN)/python -m benchmarks --write $(ARGS)

bench-djangae: ## rows a second on Cloud Tasks' emulator, beside 0.3.9 from PyPI
	$(PYTHON) scripts/install_servers.py
	$(PYTHON) scripts/server_env.py cloud-tasks
	$(PYTHON) scripts/test_djangae.py --make-only
	.venv-djangae/bin/python -m benchmarks.on_djangae $(ARGS)

crash: ## kill workers and servers at every step
	$(PYTHON) scripts/install_servers.py
	$(SETUP) test
	$(BIN)/python -m tests.crash $(ARGS)

contract: ## each backend: 100,000 rows, 20 SIGKILLs of workers, all messages lost once
	$(PYTHON) scripts/install_servers.py
	$(SETUP) test queues
	MM_CONTRACT_ROWS=100000 MM_CONTRACT_KILLS=20 \
		$(BIN)/python -m pytest tests/contract -n 0 -k test_killed_workers --timeout 3600 -rP $(ARGS)

backport: ## the contract of django.tasks with its backport django-tasks, on Django 5.2
	$(PYTHON) scripts/install_servers.py
	$(PYTHON) scripts/setup_env.py --venv .venv-backport --django 5.2 $(if $(MM_WHEEL),--wheel $(MM_WHEEL)) test queues
	.venv-backport/bin/python -m pytest tests/contract/test_tasks.py -n 2 $(ARGS)

clean: ## remove environments and what tools left
	rm -rf .venv* build dist docs/_build .*_cache
