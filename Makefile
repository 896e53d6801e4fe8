# audio2pose: `make demo` and `make test` set everything up by themselves; `make help` tells the rest.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Two at a time: what waits for a clock, one test after the other, and beside it all else.
TOGETHER ?= -n 2 --dist loadgroup
SOURCES := audio2pose realtime offline data tests docs

.DEFAULT_GOAL := help
.PHONY: help demo test check bench soak format clean

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

demo: $(VENV)/.demo ## set up, dance the built-in song for 30 s, leave demo.mp4 with sound
	@$(BIN)/audio2pose live --demo --duration 30 --record demo.mp4 --send native@127.0.0.1:7000
	@echo "demo.mp4 is the dance with its song: open it in any player"

test: $(VENV)/.dev ## set up and run the tests
	@$(BIN)/python -m pytest -m "not bench and not soak" $(TOGETHER) $(ARGS)

check: $(VENV)/.dev ## ruff, mypy, import contracts, then the tests
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

bench: $(VENV)/.dev ## speed, as ratios to a reference measured in the same run
	@$(BIN)/python tests/benchmarks/bench.py $(ARGS)

soak: $(VENV)/.dev ## the long runs
	@$(BIN)/python -m pytest -m soak -s $(ARGS)

format: $(VENV)/.dev ## format the sources
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix -q $(SOURCES)

clean: ## remove the virtual environment and what was built
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find $(SOURCES) -name "*.nb[ic]" -delete

$(VENV)/.demo: pyproject.toml .ci/setup
	@bash .ci/setup demo "$(PYTHON)" "$(VENV)"
	@touch $@

$(VENV)/.dev: pyproject.toml .ci/setup
	@bash .ci/setup test "$(PYTHON)" "$(VENV)"
	@touch $@ $(VENV)/.demo
