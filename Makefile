# Needs Python 3.11 or newer and make; everything else goes into local environments in this folder.
#
#   make demo          conversions from a warehouse to a local LinkedIn and the report back, in real Airflow
#   make test          lint, types, docs, and every test, on the newest Airflow
#   make databases     the tests that need the hooks and drivers of many databases, in an environment of their own
#   make docs          build the documentation site into site/; warnings are errors
#   make docs-serve    serve the documentation site on localhost:8000 and rebuild it on every change
#   make torture       deliveries under random faults, kills and outages; MINUTES=2 SEED=7 choose
#   make test-matrix   the tests (without the end-to-end ones) on every supported Python and Airflow found here;
#                      PAIRS=py312-airflow3.2,py313-airflow3.3 chooses, JOBS=1 runs one pair at a time
#   make locks         resolve requirements/ anew
#   make clean         remove the environments and what was built

PYTHON ?= $(firstword $(foreach python,python3.11 python3.12 python3.13 python3.14 python3,\
	$(if $(shell $(python) -c 'import sys; print("yes" if sys.version_info >= (3, 11) else "")' 2>/dev/null),$(python))))
BIN := .venv/bin
UV := $(BIN)/uv
PAIRS ?= ALL
MINUTES ?= 2
JOBS ?= 2

.PHONY: demo test lint types docs docs-serve pytest databases torture test-matrix locks clean

demo: .venv/ready
	$(BIN)/python -m demo

test: lint types docs pytest databases

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy airflow_provider_linkedin_capi

docs: .venv-docs/ready
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

docs-serve: .venv-docs/ready
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs serve

# What needs databases runs once, under "databases", where every hook and driver is.
pytest: .venv/ready
	$(BIN)/python -m pytest --ignore tests/databases --ignore tests/sinks

databases: .venv-databases/ready
	.venv-databases/bin/python -m pytest -p no:cacheprovider tests/databases tests/sinks

torture: .venv/ready
	$(BIN)/python -m tests.torture --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

# pyenv's shims only find the global version unless PYENV_VERSION lists the others.
test-matrix: export PYENV_VERSION := $(shell pyenv versions --bare 2>/dev/null | grep -E '^3\.[0-9.]+$$' | paste -sd: -)
test-matrix: export UV_PYTHON_DOWNLOADS ?= never
test-matrix: .venv/ready
	@for version in $$($(BIN)/tox list --no-desc -q | grep -oE '^py3[0-9]+' | sort -u | sed 's/py3/3./'); do \
		$(UV) python find --quiet $$version > /dev/null 2>&1 || \
		echo "Left out: every pair with Python $$version, which is not installed here"; \
	done
	$(BIN)/tox run-parallel --parallel $(JOBS) --parallel-no-spinner -e $(PAIRS)

.venv/ready: requirements/airflow-3.3.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON to it."; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet "$$(grep '^uv==' requirements/airflow-3.3.txt)"
	$(UV) pip sync --quiet --python .venv requirements/airflow-3.3.txt
	$(UV) pip install --quiet --python .venv --no-deps --editable .
	@touch $@

# mysqlclient has to be compiled; without it MariaDB is tested by MySQL's other driver alone.
.venv-databases/ready: requirements/databases.txt pyproject.toml .venv/ready
	$(UV) venv --quiet --clear --python $(BIN)/python .venv-databases
	$(UV) pip sync --quiet --python .venv-databases requirements/databases.txt
	$(UV) pip install --quiet --python .venv-databases --no-deps --editable .
	-$(UV) pip install --quiet --python .venv-databases --no-deps mysqlclient
	@touch $@

.venv-docs/ready: requirements/docs.txt .venv/ready
	$(UV) venv --quiet --clear --python $(BIN)/python .venv-docs
	$(UV) pip sync --quiet --python .venv-docs requirements/docs.txt
	@touch $@

# A release of Airflow works with the libraries of its time: newer ones break it.
COMPILE = $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate \
	--custom-compile-command "make locks"
LOCK = $(COMPILE) --extra sandbox --extra parquet --group dev pyproject.toml
locks: .venv/ready
	$(LOCK) --constraint requirements/airflow-3.3.constraints --output-file requirements/airflow-3.3.txt
	$(LOCK) --constraint requirements/airflow-3.2.constraints --output-file requirements/airflow-3.2.txt --exclude-newer 2026-07-15
	$(LOCK) --constraint requirements/airflow-3.1.constraints --output-file requirements/airflow-3.1.txt --exclude-newer 2026-04-15
	$(LOCK) --constraint requirements/airflow-2.11.constraints --output-file requirements/airflow-2.11.txt
	$(COMPILE) --all-extras --group dev --group databases --no-emit-package mysqlclient \
		--constraint requirements/databases.constraints --output-file requirements/databases.txt pyproject.toml
	$(COMPILE) --group docs --output-file requirements/docs.txt

clean:
	rm -rf .venv .venv-databases .venv-docs .tox .demo dist site
