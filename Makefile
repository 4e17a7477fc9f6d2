# Every target does its own set-up: `make demo` and `make test` need Python 3.11+, make and this clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := $(VENV)/.demo
SEARCH := .venv-search/bench

PROMISES := $(addprefix tests/,samplers/test_pairs.py schedulers/test_forecast.py study/test_containers.py engines/test_conversation.py \
	study/test_crash.py study/test_kills.py engines/test_leaving.py stores/test_stores.py engines/test_pool.py \
	engines/test_processes.py cli/test_cli.py cli/test_upkeep.py study/test_study.py study/test_simulation.py \
	stores/test_faults.py stores/test_postgres.py stores/test_network.py engines/test_ray.py study/test_worker.py \
	house/test_conformance.py study/test_replay.py engines/test_packing.py study/test_steering.py dashboard/test_dashboard.py \
	study/test_broken.py study/test_extremes.py journal/test_kept.py cli/test_upkeep_kills.py stores/test_gone.py \
	study/test_trust.py runtime/test_blobs.py engines/test_endings.py study/test_longer.py campaign/test_campaign.py campaign/test_playbook.py \
	study/test_contexts.py journal/test_move.py study/test_lapse.py)

QUICK := $(addprefix tests/,journal/test_aside.py problem/test_direction.py house/test_example.py schedulers/test_extrapolation.py \
	house/test_foreign_algorithms.py maths/test_forest.py space/test_infer.py house/test_invariants.py journal/test_kept.py \
	engines/test_leftovers.py programs/printed/test_lines.py maths/test_maths.py journal/test_move.py house/test_packaging.py \
	engines/test_provenance.py house/test_rooms.py house/test_signs.py space/test_space.py cli/test_spacefile.py \
	house/test_start.py house/test_steps.py study/test_study.py house/test_terms.py analysis/test_unmoved.py \
	house/test_units.py)

.PHONY: demo test quick compat check chromium foreign mutants bench bench-threads bench-search bench-search-full bench-fidelity bench-deep docs vendor fault clean

demo: $(DEMO)  ## tune a small network on handwritten digits (under two minutes)
	$(BIN)/python examples/digits_cnn.py

test quick compat foreign fault: export OMP_NUM_THREADS ?= 1
test quick compat foreign fault: export OPENBLAS_NUM_THREADS ?= 1
test: check chromium  ## everything that has to hold, in minutes
	$(BIN)/python -m pytest -n 2 --dist loadfile -q -m "not fault"

quick: $(READY)  ## under a minute: every example in the code, and the tests of what all else stands on
	$(BIN)/python -m pytest -n 2 -q -m "not fault" src $(QUICK)

compat: chromium  ## an hour or more: the tests on Python 3.11, 3.12 and 3.13, where found, in random order and odd surroundings
	.ci/compat $(or $(VERSIONS),3.11 3.12 3.13)

check: $(READY)  ## style, types, floors
	$(BIN)/ruff format --check src tests benchmarks examples docs
	$(BIN)/ruff check src tests benchmarks examples docs
	$(BIN)/mypy
	$(BIN)/lint-imports

chromium:  ## the tests drive a real browser: Debian's, installed when it is missing and may be
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && apt-get update -qq \
		&& DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null; } \
		|| { echo "the tests need Chromium: apt-get install chromium"; exit 1; }

FOREIGN := tests/programs/test_recipes.py tests/programs/test_slurm.py tests/programs/test_r.py

foreign: $(READY)  ## minutes: programs of other worlds, R's and Slurm's: Debian's, installed when they are missing and may be
	@(for each in Rscript srun slurmctld munged; do command -v $$each || exit 1; done) >/dev/null || { test "$$(id -u)" = 0 && apt-get update -qq \
		&& DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends r-base-core slurm-wlm munge >/dev/null; } \
		|| { echo "these tests need R and Slurm: apt-get install r-base-core slurm-wlm munge"; exit 1; }
	$(BIN)/python -m pytest -n 2 --dist loadfile -q $(FOREIGN)

mutants: $(READY)  ## an hour: one changed line at a time, and whether a test fails
	$(BIN)/python benchmarks/mutants.py --count 60

bench: $(READY)  ## overhead beside Optuna, which it installs into an environment of its own
	$(BIN)/python benchmarks/overhead.py

bench-threads: $(READY)  ## minutes: what asking costs with the default threads beside one thread, on a busy machine
	$(BIN)/python benchmarks/threads.py --busy

bench-search: $(READY) $(SEARCH)/.ready  ## ten minutes: search quality beside five peers on six tasks
	$(SEARCH)/bin/python benchmarks/search/run.py --results runs/search
	$(SEARCH)/bin/python benchmarks/search/compare.py danlu --alone --results runs/search

bench-search-full: $(READY) $(SEARCH)/.ready  ## many hours, resumable: every peer, every task, and docs/search.md
	$(SEARCH)/bin/python benchmarks/search/run.py --full
	$(SEARCH)/bin/python benchmarks/search/run.py --only danlu --split development --workers 4
	$(SEARCH)/bin/python benchmarks/search/run.py --only danlu --split development --workers 8
	$(SEARCH)/bin/python benchmarks/search/crash.py
	$(SEARCH)/bin/python benchmarks/search/cost.py
	$(SEARCH)/bin/python benchmarks/search/goals.py
	$(SEARCH)/bin/python benchmarks/search/report.py

bench-fidelity: $(READY) $(SEARCH)/.ready  ## hours, resumable: epochs needed beside nine peers, and docs/fidelity.md
	$(BIN)/python benchmarks/fidelity/real.py
	$(BIN)/python benchmarks/fidelity/cost.py
	$(SEARCH)/bin/python benchmarks/fidelity/error.py
	$(SEARCH)/bin/python benchmarks/fidelity/run.py
	$(SEARCH)/bin/python benchmarks/fidelity/run.py --only danlu random-asha synetune-asha synetune-bohb --split development --tasks lcbench --workers 4
	$(SEARCH)/bin/python benchmarks/fidelity/run.py --only danlu random-asha synetune-asha synetune-bohb --split development --tasks lcbench --workers 64
	$(SEARCH)/bin/python benchmarks/fidelity/report.py

bench-deep: $(READY)  ## an hour: recipes, stacked training, finder, diagnosis, and docs/deep.md
	$(BIN)/python benchmarks/deep/vectorized.py
	$(BIN)/python benchmarks/deep/overhead.py
	$(BIN)/python benchmarks/deep/finder.py $(if $(FASTAI),--peer $(FASTAI))
	$(BIN)/python benchmarks/deep/diagnosis.py --split development
	$(BIN)/python benchmarks/deep/diagnosis.py --split examination
	$(BIN)/python benchmarks/deep/recipes.py
	$(BIN)/python benchmarks/deep/report.py

docs: $(READY)  ## regenerate the reference of the command line and the list of public names
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/api.py

vendor: $(READY)  ## fetch the front end's third-party files anew; needs npm
	$(BIN)/python docs/vendor.py

fault: $(READY)  ## an hour or more of kills, lost power, bad networks and damaged files, and docs/reliability.md
	mkdir -p runs && rm -f runs/promises.jsonl
	DANLU_PROMISES="$(CURDIR)/runs/promises.jsonl" $(BIN)/python -m pytest -q $(PROMISES)
	$(BIN)/python -m pytest -q -m "fault and not doors" $(addprefix --ignore=,$(PROMISES) $(FOREIGN)) tests
	$(BIN)/python benchmarks/reliability.py runs/promises.jsonl

clean:
	rm -rf $(VENV) runs

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "danlu needs Python 3.11 or newer; set PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "danlu needs Python 3.11 or newer, $(PYTHON) is older; set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(DEMO): pyproject.toml constraints.txt | $(VENV)/bin/python  # what the demo needs, and no more
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[demo]"
	@touch $(DEMO)

$(READY): pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $(READY) $(DEMO)

$(SEARCH)/.ready: $(READY) benchmarks/search/peers/bench.txt
	$(PYTHON) -m venv $(SEARCH)
	$(SEARCH)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/search/peers/bench.txt
	@touch $@
