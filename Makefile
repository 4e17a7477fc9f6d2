# Every target does its own set-up: `make demo` and `make test` need Python 3.11+, make and this clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo test check bench docs fault clean

demo: $(READY)  ## tune a small network on handwritten digits (under two minutes)
	$(BIN)/python examples/digits_cnn.py

test: check  ## everything that has to hold, in minutes
	$(BIN)/python -m pytest -n 2 --dist loadfile -q -m "not fault"

check: $(READY)  ## style, types, floors
	$(BIN)/ruff format --check src tests benchmarks examples docs
	$(BIN)/ruff check src tests benchmarks examples docs
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## overhead beside Optuna, which it installs into an environment of its own
	$(BIN)/python benchmarks/overhead.py

docs: $(READY)  ## regenerate the command line reference
	$(BIN)/python docs/reference.py

fault: $(READY)  ## hundreds of kills and thousands of damaged files
	$(BIN)/python -m pytest -q -m fault

clean:
	rm -rf $(VENV) runs

$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "danlu needs Python 3.11 or newer; set PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "danlu needs Python 3.11 or newer, $(PYTHON) is older; set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $(READY)
