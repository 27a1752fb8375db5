# Every target sets up .venv by itself; PYTHON chooses the interpreter (3.11 to 3.13).
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo notebooks test fast test-wheel lint format lock clean
.DELETE_ON_ERROR:

# Stands for "the locked packages and this project are installed in .venv".
STAMP := .venv/.installed

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; found = sys.version.split()[0]; \
	sys.exit(None if (3, 11) <= sys.version_info[:2] <= (3, 13) else \
	f"make: Python {found} found, 3.11 to 3.13 expected: run make PYTHON=python3.12 $(MAKECMDGOALS)")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9"
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

demo: $(STAMP)
	$(BIN)/gan-color demo

notebooks: $(STAMP)
	$(BIN)/jupyter lab --notebook-dir notebooks

test: lint
	$(BIN)/python -m pytest -n auto

# The inner loop: what needs no browser, no notebook, no whole run.
fast: $(STAMP)
	$(BIN)/python -m pytest -n auto tests/color tests/losses tests/images tests/config tests/data \
	    tests/scrapers/test_rules.py tests/models/test_discriminators.py tests/models/test_golden.py \
	    tests/training/test_steps.py tests/training/test_checkpoint.py tests/training/test_schedules.py \
	    tests/test_architecture.py

# Installs the wheel and each extra into empty environments; downloads gigabytes.
test-wheel: $(STAMP)
	GAN_COLOR_WHEEL_TEST=1 $(BIN)/python -m pytest tests/test_wheel.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --all-extras \
	    pyproject.toml -o requirements.lock

clean:
	rm -rf .venv runs build dist
