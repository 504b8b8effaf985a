# Every target runs in an environment in .venv, built by the first one that needs it from requirements.lock.
# PYTHON=python3.13 chooses the interpreter; by default the first good one of python3, python3.13, python3.12, python3.11.
PYTHON ?=
UV ?= uv
export PYTHON
unexport PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE

.PHONY: help demo test bench lint lock clean environment

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: environment ## train a small network on handwritten digits; results in runs/digits
	@.venv/bin/backprop-jax train digits --out runs/digits

test: lint ## ruff, pyright and the tests
	@.venv/bin/python -m pytest -n 2

bench: environment ## time the MLP against its peers
	@.venv/bin/python -m benchmarks mlp

lint: environment ## ruff and pyright
	@.venv/bin/ruff check .
	@.venv/bin/pyright

environment: ## build .venv, or do nothing where it is up to date
	@sh tools/environment.sh

lock: ## resolve requirements.lock anew, newest versions (needs uv)
	@$(UV) --version >/dev/null 2>&1 || { echo "error: make lock needs uv: pip install uv, or name it: make lock UV=..." >&2; exit 1; }
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile pyproject.toml --quiet --upgrade \
	  --extra cli --extra test --extra bench --extra build --universal --python-version 3.11 \
	  --no-emit-index-url --generate-hashes --no-annotate --output-file requirements.lock

clean: ## remove the environment, caches and builds (keeps runs)
	@rm -rf .venv .venv-install.log .pytest_cache .ruff_cache .hypothesis build dist
	@find . -name .git -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
