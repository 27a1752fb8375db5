# Every target sets up .venv by itself; PYTHON chooses the interpreter (3.11 to 3.13).
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint format lock clean
.DELETE_ON_ERROR:

# Stands for "the locked packages and this project are installed in .venv".
STAMP := .venv/.installed

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; found = sys.version.split()[0]; \
	sys.exit(None if (3, 11) <= sys.version_info[:2] <= (3, 13) else \
	f"make: Python {found} found, 3.11 to 3.13 expected: run make PYTHON=python3.12 $(MAKECMDGOALS)")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

demo: $(STAMP)
	$(BIN)/gan-color demo

test: lint
	$(BIN)/python -m pytest -n auto

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --all-extras \
	    pyproject.toml -o requirements.lock

clean:
	rm -rf .venv runs build dist
