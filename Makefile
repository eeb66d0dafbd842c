# `make demo` and `make test` do everything on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test quick check coverage fuzz packages docs gpu-test clean
.DELETE_ON_ERROR:

demo: $(VENV)/.demo
	$(BIN)/compsel demo

test: $(VENV)/.test
	scripts/check $(BIN)
	$(BIN)/pytest --numprocesses auto --dist worksteal -m "not clock"
	$(BIN)/pytest -m clock

# the loop while developing
quick: $(VENV)/.test
	$(BIN)/pytest --numprocesses auto --dist worksteal -m "not slow and not clock"

check: $(VENV)/.test
	scripts/check $(BIN)

# lines and branches that the tests reach
coverage: $(VENV)/.test
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses auto --dist worksteal -m "not clock"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# every reader of what others wrote, guided by coverage; the seconds are split over them, what is found lies in .fuzz
FUZZ_SECONDS ?= 600
fuzz: $(VENV)/.fuzz
	$(BIN)/python -m tests.fuzzing --seconds $(FUZZ_SECONDS)

# where atheris cannot be installed, the target says that it is skipped
$(VENV)/.fuzz: $(VENV)/.test
	$(BIN)/pip install --quiet --editable '.[fuzz]' || true
	touch $@

# the site, strictly: a link or a reference that leads nowhere fails
docs: $(VENV)/.docs
	$(BIN)/python scripts/write_reference.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

$(VENV)/.docs: setup.cfg | $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[docs]'
	touch $@

# wheel and sdist in clean environments, with every Python that is here
packages:
	scripts/check_packages

# the processor suite on OpenVINO, and on WebGPU with a software GPU: environments of their own, see the script
gpu-test:
	PYTHON=$(PYTHON) scripts/check_providers

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11 ...") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: setup.cfg requirements-demo.txt | $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[demo]'
	$(BIN)/pip install --quiet --no-deps --requirement requirements-demo.txt
	touch $@

$(VENV)/.test: setup.cfg requirements-demo.txt | $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[test,lint]'
	$(BIN)/pip install --quiet --no-deps --requirement requirements-demo.txt
	touch $@

clean:
	rm -rf $(VENV) .venv-providers
