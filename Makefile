# Each target works in a fresh clone with git, make and Python 3.11+ (with pip and venv).
# uv is taken from PATH, or else installed into .venv.

PYTHON ?= python3
UV := $(or $(shell command -v uv),$(CURDIR)/.venv/bin/uv)
export PATH := $(dir $(UV)):$(PATH)
# Arguments for `python -m dev`, such as ARGS="--port 8001".
ARGS ?=

.PHONY: demo test test-fast screenshots bench lint

demo: $(UV)
	uv tool run "cookiecutter>=2.7.1" . --default-config --no-input --overwrite-if-exists --output-dir .demo
	cd .demo/todo-api && uv run python -m dev $(ARGS)

test: $(UV)
	uv run pytest -n auto

test-fast: $(UV)
	uv run pytest -n auto -m "not slow"

# Needs Chromium besides.
screenshots: $(UV)
	uv run --group screenshots python -m tests.screenshots

# Needs PostgreSQL, wrk and h2load besides.
bench: $(UV)
	uv run python -m benchmarks.database
	uv run python -m benchmarks.sign_in

lint: $(UV)
	uv run ruff format --check
	uv run ruff check

.venv/bin/uv $(CURDIR)/.venv/bin/uv:
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet uv
