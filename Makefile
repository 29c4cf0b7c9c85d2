# make demo   the whole path on sample_docs/, without key or network but the package registry
# make test   the fast suite      make test-all   the slow checks too      make lint   style, types, import rules
# make docs   the documentation site, to build/site
# make package   wheel and sdist, to build/dist, looked at and tried
# make reliability   kills, write faults, damaged files, hostile input: prints the table of docs/reliability.md
PYTHON     ?= python3
VENV       ?= .venv
DEMO       ?= demo
WORKERS    ?= logical
RESOLUTION ?= newest
bin    := $(VENV)/bin
ready  := $(VENV)/.ready
small  := $(VENV)/.ready-for-demo
pytest := $(bin)/python -m pytest -n $(WORKERS) --maxprocesses 8 --dist worksteal

.PHONY: demo test test-all test-dependencies slow lint reliability docs package clean

demo: $(small)
	@$(bin)/splade demo -o $(DEMO)
	@echo; echo "Now ask your own questions:"; echo; echo "  $(bin)/splade query --index $(DEMO)/index"

$(ready): pyproject.toml tools/install.py
	@$(PYTHON) tools/install.py $(VENV)
	@touch $(ready) $(small)

# what the demo needs: a part of what the tests need, in the same folder
$(small): pyproject.toml tools/install.py
	@$(PYTHON) tools/install.py $(VENV) --demo
	@touch $(small)

test: $(ready)
	$(pytest) -m "not slow"

slow: $(ready)
	$(pytest) -m slow

test-all: test slow

# the fast suite with the lowest or the newest direct dependencies that pyproject.toml allows, in an environment of its own
test-dependencies:
	@$(PYTHON) tools/install.py .venv-$(RESOLUTION) --$(RESOLUTION)
	.venv-$(RESOLUTION)/bin/python -m pytest -n $(WORKERS) --maxprocesses 8 --dist worksteal -m "not slow"

lint: $(ready)
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/lint-imports
	$(bin)/deptry .

docs: $(ready)
	NO_MKDOCS_2_WARNING=1 $(bin)/python -m mkdocs build --strict --quiet
	@echo "the site: build/site/index.html"

package: $(ready)
	$(bin)/python tools/package.py

reliability: $(ready)
	$(bin)/python -m reliability

clean:
	rm -rf $(VENV) .venv-lowest .venv-newest $(DEMO)
