# Each target works in a fresh clone with git, make and Python 3.11+ (with pip and venv).
# uv is taken from PATH, or else installed into .venv. Paths are relative, because make cannot
# handle a space in a path.

PYTHON ?= python3
OWN_UV := .venv/bin/uv
UV := $(if $(shell command -v uv),uv,$(OWN_UV))
NEEDED := $(filter $(OWN_UV),$(UV))
# Arguments for `python -m dev`, such as ARGS="--port 8001".
ARGS ?=

.PHONY: demo test test-fast screenshots bench lint

# What the template says at the end of a render is for those who stay in that folder.
demo: $(NEEDED)
	$(UV) tool run "cookiecutter>=2.7.1" . --default-config --no-input --overwrite-if-exists --output-dir .demo > /dev/null
	$(UV) run --directory .demo/todo-api python -m dev $(ARGS)

test: $(NEEDED)
	$(UV) run pytest -n auto

test-fast: $(NEEDED)
	$(UV) run pytest -n auto -m "not slow"

# Also needs Chromium.
screenshots: $(NEEDED)
	$(UV) run python -m tests.screenshots

# Also needs PostgreSQL, wrk and h2load.
bench: $(NEEDED)
	$(UV) run python -m benchmarks.database
	$(UV) run python -m benchmarks.sign_in

lint: $(NEEDED)
	$(UV) run ruff format --check
	$(UV) run ruff check
	$(UV) run mypy

$(OWN_UV):
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet uv
