# Everything a person runs. `make demo` and `make test` need Python 3.11 or later and make, and nothing else.
# pip is used as it is configured on the machine; nothing is fetched that it already has.

VENV    := .venv
PY      := $(VENV)/bin/python
STAMP   := $(VENV)/.installed
# Tests run in this many processes, each of them with one thread for numpy, scipy and torch.
WORKERS ?= 2
PYTEST  := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(PY) -m pytest -n $(WORKERS) --dist worksteal
TOO_OLD := sys.version_info < (3, 11)

.DEFAULT_GOAL := help
.PHONY: help demo test long lint format env wheel changelog clean elsewhere

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1: \2/p' Makefile

demo: $(STAMP) ## tune a small network on the digits data and say where the result is
	$(VENV)/bin/holdfast tune examples/digits.toml

test: $(STAMP) ## run the default tests
	$(PYTEST)

long: $(STAMP) ## run the tests that take long
	@$(PYTEST) -m long; status=$$?; \
	if [ $$status -eq 5 ]; then echo "no test is marked long"; else exit $$status; fi

lint: $(STAMP) ## check format, rules, types, import directions, generated pages
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"
	$(PY) docs/generate.py --check

format: $(STAMP) ## format the code and sort its imports
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

env: $(STAMP) ## make the environment .venv and install holdfast into it

# The stamp is remade when the requirements change, and when the environment was made in another place.
$(STAMP): pyproject.toml constraints.txt $(if $(filter $(CURDIR),$(shell cat $(STAMP) 2>/dev/null)),,elsewhere)
	@$(PY) -c 'import sys, pip; sys.exit($(TOO_OLD))' 2>/dev/null || { \
	  for python in python3.11 python3; do \
	    $$python -c 'import sys; sys.exit($(TOO_OLD))' 2>/dev/null && exec $$python -m venv --clear $(VENV); \
	  done; \
	  echo "holdfast needs Python 3.11 or later, and neither python3.11 nor python3 is one: install one and make again." >&2; \
	  exit 1; }
	$(PY) -m pip install --quiet -c constraints.txt torch
	$(PY) -m pip install --quiet -c constraints.txt hatchling editables
	$(PY) -m pip install --quiet -c constraints.txt --no-build-isolation -e ".[all,dev]"
	@echo "$(CURDIR)" > $@

elsewhere:

wheel: $(STAMP) ## build the wheel into dist/
	$(PY) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

changelog: $(STAMP) ## show the entries that the next release will have
	$(PY) -m towncrier build --draft --version next

clean: ## remove the environment and every cache
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
