# make demo    the whole loop on this machine: data, training, evaluation, report (10 minutes on 2 cores)
# make test    lint, types, import contracts and all tests
# make check   the first three only
# make bench   performance against peers and limits
# make docs    the manual as HTML
# make setup   only the virtual environment
# Every target sets up what it needs.

PYTHON ?= python3
DEMO_ARGS ?=
TEST_ARGS ?=
BIN := .venv/bin
DEV := dev,media,sim,docs

.PHONY: setup setup-dev demo check test bench docs

setup:
	@$(PYTHON) tools/install.py

setup-dev:
	@$(PYTHON) tools/install.py $(DEV)

demo: setup
	@$(BIN)/roboloop run recipes/demo_cpu.yaml $(DEMO_ARGS)

check: setup-dev
	$(BIN)/ruff format --check src tests bench tools
	$(BIN)/ruff check src tests bench tools
	$(BIN)/lint-imports
	$(BIN)/pyright

test: check
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(TEST_ARGS)

bench: setup-dev
	@failed=; for script in bench/*.py; do \
		echo "== $$script"; $(BIN)/python $$script || failed="$$failed $$script"; \
	done; \
	test -z "$$failed" || { echo "missed a limit, or need something named (see --help):$$failed"; exit 1; }

docs: setup-dev
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"
