# The two commands are `make demo` and `make test`; the others are parts of them.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --locked --no-sync
export RASA_TELEMETRY_ENABLED := false
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo run train model check lint test evaluate bench clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# A machine without uv gets one of its own, in .uv/, from PyPI; where Python has no venv module pip does it alone.
.uv/bin/uv:
	@echo "uv is missing: installing it into .uv/"
	@python3 -m venv .uv >/dev/null 2>&1 && .uv/bin/python -m pip install --quiet uv \
		|| { rm -rf .uv && python3 -m pip install --quiet --target .uv/lib uv && mkdir -p .uv/bin && ln -sf ../lib/bin/uv .uv/bin/uv; } \
		|| { echo "could not install uv: install python3-venv or python3-pip, or uv itself, and try again" >&2; exit 1; }

setup: $(filter .uv/bin/uv,$(UV)) ## Install Python 3.11 and everything the project needs, into .venv/
	@$(UV) sync --locked --quiet

demo: setup ## Run everything on this machine, with a WhatsApp simulator
	@$(RUN) passaparola demo

run: setup ## Run in earnest: settings from the environment or .env
	@$(RUN) passaparola run

train: setup ## Train the model
	@$(RUN) passaparola train

model: setup
	@$(RUN) passaparola train --if-stale

check: setup ## Check what designers edit: programmes, sentences, training data
	@$(RUN) passaparola check

lint: setup ## ruff and mypy --strict
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy

test: setup lint check model ## Lint, check, and run all tests
	@$(RUN) pytest -n auto --dist loadscope $(PYTEST_ARGS)

evaluate: setup model ## Measure understanding; writes docs/evaluation/
	@$(RUN) python -m evaluation

bench: setup model ## Measure against a stock Rasa bot, in ratios
	@$(RUN) python -m benchmarks.turns

clean: ## Forget the database, the model and everything measured
	rm -rf var models results
