# Needs make and a Python that is new enough, nothing else: every target makes its environment in .make/ first.
# Another Python: make PYTHON=/path/to/python3.12 ...    Arguments for pytest: make test ARGS="-k fsdp"

PYTHON ?=
ARGS ?=
BIN := .make/venv/bin

export PYTHON
export PYTHONNOUSERSITE := 1
# Without bytecode every process compiles torch anew, which takes as long again as importing it.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

# A file's tests stay together, in two processes: fixtures of modules, such as a training run, are made once. Files with
# many tests come first; in make test those take least, and the order of their names is better.
# Threads of a run that find no core free wait for each other without burning the core that the other needs.
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/pytest --numprocesses 2 --dist loadfile
TEST := $(PYTEST) --no-loadscope-reorder --ignore tests/trials

.PHONY: help demo test trials check format goldens clean run-environment environment

help: ## Show the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F '|' '{ printf "%-14s %s\n", $$1, $$2 }'

demo: run-environment ## Train a small model on two CPU processes, with a verdict and a report at the end
	@code=0; $(BIN)/seatrial run fsdp --runs-dir runs || code=$$?; \
	page=$$(ls -t "$$PWD"/runs/*/report.html 2>/dev/null | head -n 1); \
	echo; echo "The report: $${page:-none was written}"; exit $$code

test: environment ## Run the tests that need nothing but Python: within 5 minutes on two cores
	@$(TEST) $(ARGS)

trials: environment ## Run the tests on real engines and frameworks; .ci/run installs what they need
	@$(PYTEST) tests/trials $(ARGS)

check: environment ## Format, lint, types, import directions and make test; CI runs make trials as well
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(TEST) $(ARGS)

format: environment ## Format the code, and repair what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

goldens: environment ## Write the golden files anew; look at what git diff says before you commit them
	SEATRIAL_UPDATE_GOLDEN=1 $(TEST) -m "not slow and not torch" $(ARGS)
	@git status --short -- tests

clean: ## Remove the environment, builds and caches; runs/ is yours and stays
	rm -rf .make build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

run-environment:
	@sh scripts/setup.sh run

environment:
	@sh scripts/setup.sh develop
