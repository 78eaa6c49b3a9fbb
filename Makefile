# make demo    train a Vision Transformer on real digits and draw what it learned
# make test    run the tests
# make help    everything else
#
# Everything is installed into $(VENV), which is made when it is missing; nothing outside this folder is touched.

PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch>=2
BIN := $(VENV)/bin
RUN := "$(BIN)/python"
INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check

.PHONY: help demo test lab notebooks check-notebooks docs check-docs lint format bench bench-smoke parity clean

help:
	@echo "make demo         train a Vision Transformer on real digits and draw what it learned (minitx-demo/)"
	@echo "make test         run the tests"
	@echo "make lab          open the lecture notebooks in JupyterLab"
	@echo "make notebooks    execute every notebook and write its outputs in place"
	@echo "make check-notebooks   execute every notebook and write nothing"
	@echo "make docs         make the site, build/site/index.html; make check-docs reads it in a real browser (chromium)"
	@echo "make parity       compare with PyTorch, SciPy and others (installs them; TORCH=torch==2.13.0 picks a version)"
	@echo "make bench        measure the speed and write docs/performance.md; make bench-smoke only tries that it runs"
	@echo "make lint         check the style; make format mends it"
	@echo "make clean        remove $(VENV) and everything that can be made again"
	@echo "PYTHON=python3.12 before or after the target picks another Python (3.10 or newer)."

demo: $(VENV)/.installed
	$(RUN) -m minitx demo

test: $(VENV)/.installed-test
	$(RUN) -m pytest

lab: $(VENV)/.installed-lab
	$(RUN) -m minitx lab

notebooks: $(VENV)/.installed-test
	$(RUN) notebooks/execute.py --write

check-notebooks: $(VENV)/.installed-test
	$(RUN) notebooks/execute.py

docs: $(VENV)/.installed-docs
	$(RUN) -m sphinx -q -E -W --keep-going -c docs -d build/doctrees . build/site
	@echo "made: build/site/index.html"

check-docs: docs $(VENV)/.installed-test $(VENV)/.installed-lab $(VENV)/.installed-browser
	MINITX_BROWSER=required $(RUN) -m pytest -s tests/test_site.py

parity: $(VENV)/.installed-test
	$(INSTALL) --editable ".[parity]" "$(TORCH)"
	$(RUN) -m pytest -m parity tests

bench: $(VENV)/.installed
	$(RUN) benchmarks/run.py --write

bench-smoke: $(VENV)/.installed
	$(RUN) benchmarks/run.py --smoke

lint: $(VENV)/.installed-dev
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check

format: $(VENV)/.installed-dev
	$(RUN) -m ruff check --fix
	$(RUN) -m ruff format

clean:
	rm -rf "$(VENV)" build dist minitx.egg-info .pytest_cache .hypothesis .ruff_cache docs/api
	find minitx tests notebooks benchmarks -name __pycache__ -prune -exec rm -rf {} +

# An installation is renewed only when its recipe changed; the sources themselves are used in place.
$(VENV)/.installed: setup.cfg pyproject.toml | $(VENV)/.created
	@echo "installing minitx into $(VENV) ..."
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-%: setup.cfg pyproject.toml | $(VENV)/.created
	@echo "installing minitx[$*] into $(VENV) ..."
	@$(INSTALL) --editable ".[$*]"
	@touch $@ $(VENV)/.installed

$(VENV)/.created:
	@command -v "$(PYTHON)" > /dev/null || { \
	    echo "minitx needs Python 3.10 or newer, and there is no $(PYTHON) here."; \
	    echo "Install Python, or name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	    echo "minitx needs Python 3.10 or newer; $(PYTHON) is $$("$(PYTHON)" --version 2>&1)."; \
	    echo "Name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2> /dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments: its modules venv and ensurepip are missing."; \
	    echo "On Debian and Ubuntu install them with: sudo apt install python3-venv"; exit 1; }
	"$(PYTHON)" -m venv "$(VENV)"
	@touch $@
