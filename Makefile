# chatcomet: `make` lists what there is.
.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080
# As many test files at a time as there are processors.
TOGETHER := --numprocesses=auto --dist=loadfile

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# One stamp per set of requirements: what is installed already is not installed again.
$(VENV)/made:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	touch $@

$(VENV)/server: $(VENV)/made setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

# With what the bench needs, for its types are checked with the rest.
$(VENV)/tests: $(VENV)/server
	$(BIN)/python -m pip install --quiet --editable '.[test,bench]'
	touch $@

$(VENV)/bench: $(VENV)/server
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	touch $@

.PHONY: venv
venv: $(VENV)/tests ## make .venv with all that the server and its tests need

.PHONY: run
run: $(VENV)/server ## start the server on port 8080, with its messages in chatcomet.db
	@echo "chatcomet: open http://localhost:$(PORT)/ (Ctrl-C stops it)"
	@exec $(BIN)/twistd --nodaemon --pidfile= chatcomet --listen tcp:$(PORT)

.PHONY: lint
lint: $(VENV)/tests ## check style, types and what is known to be weak in what is installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m tests.audit

.PHONY: test
test: lint system ## run lint, types and every test
	$(BIN)/python -m twisted.trial --temp-directory=$(VENV)/trial tests.unit
	$(BIN)/pytest $(TOGETHER) tests/unit
	$(BIN)/pytest $(TOGETHER) tests/integration

.PHONY: bench
bench: $(VENV)/bench ## measure it beside Nchan, Tornado and Klein (45 minutes; ARGS=--quick: six)
	@bench/install-system
	@$(BIN)/python -m bench $(ARGS)

# What the integration tests need besides Python packages: a browser, and a clock that can be set.
.PHONY: system
system:
	@tests/install-system

.PHONY: clean
clean: ## remove all that was made here, except messages
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis _trial_temp*
	find . -name __pycache__ -prune -exec rm -rf {} +
