# Needs Python 3.11 or newer and make; everything else goes into local environments in this folder.
#
#   make demo          conversions from a warehouse to a local LinkedIn and the report back, in real Airflow
#   make test          lint, types, and every test, on the newest Airflow
#   make test-matrix   the tests (without the end-to-end ones) on the oldest supported Airflow 3 and on Airflow 2
#   make locks         resolve requirements/ anew
#   make clean         remove the environments and what the demo left behind

PYTHON ?= $(firstword $(foreach python,python3.11 python3.12 python3.13 python3.14 python3,\
	$(if $(shell $(python) -c 'import sys; print("yes" if sys.version_info >= (3, 11) else "")' 2>/dev/null),$(python))))
BIN := .venv/bin
UV := $(BIN)/uv

.PHONY: demo test lint types pytest test-matrix locks clean

demo: .venv/ready
	$(BIN)/python -m demo

test: lint types pytest

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy airflow_provider_linkedin_capi

pytest: .venv/ready
	$(BIN)/python -m pytest

test-matrix: .venv-3.1/ready .venv-2.11/ready
	.venv-3.1/bin/python -m pytest -m "not e2e"
	.venv-2.11/bin/python -m pytest -m "not e2e"

.venv/ready: requirements/airflow-3.3.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON to it."; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet "$$(grep '^uv==' requirements/airflow-3.3.txt)"
	$(UV) pip sync --quiet --python .venv requirements/airflow-3.3.txt
	$(UV) pip install --quiet --python .venv --no-deps --editable .
	@touch $@

# Airflow 2.11 runs on Python up to 3.12; uv finds one, or fetches it.
.venv-%/ready: requirements/airflow-%.txt pyproject.toml .venv/ready
	$(UV) venv --quiet --clear --python ">=3.11,<3.13" .venv-$*
	$(UV) pip sync --quiet --python .venv-$* requirements/airflow-$*.txt
	$(UV) pip install --quiet --python .venv-$* --no-deps --editable .
	@touch $@

# A release of Airflow works with the libraries of its time: newer ones break it.
LOCK = $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate \
	--custom-compile-command "make locks" --extra sandbox --extra parquet --group dev pyproject.toml
locks: .venv/ready
	$(LOCK) --constraint requirements/airflow-3.3.constraints --output-file requirements/airflow-3.3.txt
	$(LOCK) --constraint requirements/airflow-3.1.constraints --output-file requirements/airflow-3.1.txt --exclude-newer 2026-04-15
	$(LOCK) --constraint requirements/airflow-2.11.constraints --output-file requirements/airflow-2.11.txt

clean:
	rm -rf .venv .venv-3.1 .venv-2.11 .demo dist
