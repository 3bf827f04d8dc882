# Thin aliases of `python3 -m infra ...`; `make` alone lists them.
PYTHON ?= python3
UV_COMPILE = uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help setup faces demo run reset test proof check openapi format lock

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv from the locked requirements
	@$(PYTHON) -m infra setup

faces: ## install the embedded face engine, and the portraits that its tests look at
	@$(PYTHON) -m infra faces

demo: ## the main job from upload to download; PHOTOS=folder takes your own photos
	@$(PYTHON) -m infra demo $(if $(PHOTOS),--photos "$(PHOTOS)")

run: ## the whole system for someone writing a frontend; PORT=8000
	@$(PYTHON) -m infra run $(if $(PORT),--port $(PORT))

reset: ## forget what demo and run stored
	@$(PYTHON) -m infra reset

test: ## the tests; ARGS="-k name" runs a part
	@$(PYTHON) -m infra test $(if $(ARGS),-- $(ARGS))

proof: ## the reliability suites at full scale, one table; AREAS="crash uploads" runs a part
	@$(PYTHON) -m infra proof $(AREAS)

check: ## ruff, mypy --strict, import-linter, cfn-lint
	@$(PYTHON) -m infra check

openapi: ## write .local/openapi.json
	@$(PYTHON) -m infra openapi

format: ## let ruff format and fix what it can
	@$(PYTHON) -m infra setup
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

lock: ## pin requirements*.in again, with hashes (needs uv)
	$(UV_COMPILE) requirements-dev.in -o requirements-dev.txt
	$(UV_COMPILE) requirements.in -c requirements-dev.txt -o requirements.txt
	$(UV_COMPILE) requirements-faces.in -c requirements-dev.txt -o requirements-faces.txt
