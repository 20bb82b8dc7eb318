# Everything there is to do with this repository. `make help` lists it.
VENV := .venv
BIN := $(VENV)/bin
SERVER := $(VENV)/.installed-server
DEV := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help run demo test check lint types imports fix migration bench docs lock sbom clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

run: $(SERVER) ## run everything on this machine with the example agents
	@trap : INT; $(BIN)/girih dev agent_specs --examples || [ $$? = 130 ]  # Ctrl-C is how it ends

demo: $(SERVER) ## show the main job from end to end, then stop
	@$(BIN)/girih dev agent_specs --demo --once --port 0

test: $(DEV) ## run every test, in two processes
	@$(BIN)/pytest -n 2 --dist loadgroup

check: lint types imports ## lint, types and import contracts

lint: $(DEV)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .

types: $(DEV)
	@$(BIN)/mypy

imports: $(DEV)
	@$(BIN)/lint-imports

fix: $(DEV) ## format, and mend what a machine can mend
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

migration: $(DEV) ## write a migration from the tables as they are now: make migration m="what it does"
	@test -n "$(m)" || { echo 'say what it does: make migration m="Add a column"'; exit 2; }
	@$(BIN)/python .ci/migration.py "$(m)"

bench: $(DEV) ## measure against raw LangGraph in one run
	@$(BIN)/python tests/benchmarks/runs.py $(args)

docs: $(DEV) ## write the generated reference pages
	@$(BIN)/python docs/generate.py

lock: $(DEV) ## pin what the image installs, each package with its hashes
	@$$(command -v uv || echo $(BIN)/uv) pip compile --quiet --universal --upgrade --python-version 3.13 --extra server \
		--extra s3 --generate-hashes --no-header --no-annotate --output-file requirements.lock pyproject.toml

sbom: $(DEV) ## list what the image is made of, as CycloneDX, in dist/
	@mkdir -p dist
	@$(BIN)/python -W ignore -m cyclonedx_py requirements requirements.lock --pyproject pyproject.toml \
		--output-reproducible --output-file dist/girih.cdx.json

clean: ## remove the environment and caches; databases in .girih stay
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(SERVER): pyproject.toml .ci/setup
	@.ci/setup server

$(DEV): pyproject.toml .ci/setup tests/compat/js/package-lock.json
	@.ci/setup dev
