.DEFAULT_GOAL := help
.PHONY: help run test lint demo-reset lock shell psql stop bench

PORT ?= 8000
HOST ?= 127.0.0.1
DEBUG ?= yes
export DEBUG

manage := .venv/bin/python manage.py

help: ## what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: ## the product with its demo: installs, migrates, serves (PORT=8010, HOST=0.0.0.0)
	@bin/setup base
	@$(manage) run --host $(HOST) --port $(PORT)

test: lint ## all tests, in a browser too
	@bin/browser
	@.venv/bin/python -m pytest -n auto --maxprocesses 4 --dist worksteal; status=$$?; $(manage) localpg stop --tests >/dev/null; exit $$status

lint: ## ruff and djlint
	@bin/setup dev
	@.venv/bin/ruff check -q .
	@.venv/bin/ruff format -q --check .
	@.venv/bin/djlint --quiet --lint templates

demo-reset: ## throw the demo's data away and load it anew
	@bin/setup base
	@$(manage) demo --reset

shell: ## Python with the models
	@bin/setup base
	@$(manage) shell

psql: ## the database as the application sees it (OWNER=1: as its owner)
	@bin/setup base
	@$(manage) localpg psql $(if $(OWNER),--owner)

stop: ## stop embedded PostgreSQL servers that still run
	@bin/setup base
	@$(manage) localpg stop

bench: ## the figures
	@bin/setup dev
	@.venv/bin/python -m benchmarks

lock: ## pin the packages anew (UPGRADE=1: newest that pyproject.toml allows)
	@for set in base dev; do \
		UV_CUSTOM_COMPILE_COMMAND="make lock" bin/uv pip compile -q pyproject.toml \
			$$([ $$set = dev ] && echo --extra dev) $(if $(UPGRADE),--upgrade) --universal --python-version 3.12 \
			--generate-hashes --no-emit-index-url -o requirements/$$set.txt || exit 1; \
	done
	@! grep -n '://' requirements/*.txt
