# Needs Python 3.11, 3.12 or 3.13 and make; everything else goes into .venv.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help book test serve notebooks exercises seeds mutants bench bench-grading real lint \
  clean set-repo lock dist picture weigh FORCE

BIN := .venv/bin
PY := $(BIN)/python
INSTALLED := .venv/.installed
# A `python3` on the path may be a stub that only prints an error: run each one.
CANDIDATES ?= python3 python3.13 python3.12 python3.11
USABLE := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PORT ?= 8000
# Kernels come from .venv whatever else is installed; TensorFlow's start-up log is no result.
export JUPYTER_PREFER_ENV_PATH := 1
export TF_CPP_MIN_LOG_LEVEL := 3
# The networks here are small: several threads would only wait for each other, above all where
# two processes share two cores. (`make bench` gives the layers that it times their own number.)
export OMP_NUM_THREADS ?= 1
# Nobody watches a bar in a page or a log.
export RNNCOURSE_PROGRESS := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help:
	@echo "make book            build both editions as a web site in _build/site"
	@echo "make test            check everything (what the continuous integration runs); ALL=1 also what"
	@echo "                     is repeated only where the grader has changed since its record"
	@echo "make serve           show _build/site at http://127.0.0.1:$(PORT) (PORT=…)"
	@echo "make exercises       write exercises/ and the check data from solutions/"
	@echo "make notebooks       write every .ipynb from its .md; ALL=1 executes all of them again"
	@echo "make seeds           measure every claim's margin under ten draws; CHAPTERS=\"lstm gru\", FORCE=1"
	@echo "make mutants         certify every exercise by mutation, for the page on it"
	@echo "make bench           time the layers beside PyTorch and Keras, then bench-grading; 25 min"
	@echo "make bench-grading   time a class's grading beside otter-grader and nbgrader, 8 minutes"
	@echo "make real            repeat the runs on real data; NAMES=\"segmentation\", FORCE=1"
	@echo "make lint            ruff, the rooms of the package, its types: as in make test"
	@echo "make set-repo URL=…  put the course at another GitHub address; PYPI=1: notebooks install the"
	@echo "                     package from PyPI, once it is released there; PYPI=0: from the repository"
	@echo "make lock            write constraints.txt, by uv; UPGRADE=1 takes the newest versions"
	@echo "make dist TAG=v…     build in dist/ what a release uploads to PyPI, and check it"
	@echo "make picture         photograph the book for README, and the card of shared links"
	@echo "make weigh           say how many KB a visit of each page takes"
	@echo "make clean           remove what was built (not .venv)"

# ---- the environment ---------------------------------------------------------

$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(PY) || { \
	  for python in $(or $(PYTHON),$(CANDIDATES)); do \
	    $$python -c '$(USABLE)' 2>/dev/null && break; python=; \
	  done; \
	  if test -z "$$python"; then \
	    echo "This course needs Python 3.11, 3.12 or 3.13 with its venv module (TensorFlow and gensim"; \
	    echo "have no release for 3.14), and none was found. Install one, or name it: make"; \
	    echo "PYTHON=/path/to/python3.12"; \
	    exit 1; \
	  fi; \
	  echo "Making .venv with $$($$python --version)"; $$python -m venv .venv; }
	@echo "Installing the course and its tools into .venv (a few minutes the first time)"
	@# seqeval comes as source alone, which an old pip builds in an old way unless told.
	@$(PY) -m pip install --use-pep517 -c constraints.txt -e '.[frameworks,chapters,book,test]' \
	  | grep -v '^Requirement already satisfied'
	@touch $@

# ---- the book ----------------------------------------------------------------

# What both editions are made from, beside pages and executed cells. A change here builds them
# from nothing; so does another strictness, since a strict build must not trust a lenient one.
COMMON := _config.yml _toc.yml constraints.txt tools/site/build.py tools/site/config_zh.py \
  tools/site/course_map.py tools/site/cards.py tools/site/forecast.json tools/site/take_along.py \
  tools/site/pyodide.py \
  tools/editions/glosses.py tools/editions/length.py book/plan.yml book/terms.yml \
  $(shell find book/_ext book/_static book/_templates book/references.bib \
    -type f -not -name '*.pyc' 2>/dev/null)
MODE := _build/mode-$(if $(filter 1,$(RNNCOURSE_STRICT)),strict,lenient)

$(MODE):
	@mkdir -p _build && rm -f _build/mode-* && touch $@

# It is there when the pages were built without "Try it here": each make asks again for what was
# missing, and builds them anew when it has come.
_build/without-python: FORCE | $(INSTALLED)
	@$(PY) -m tools.site.build late
FORCE:

_build/common: $(COMMON) $(MODE) $(wildcard _build/without-python) | $(INSTALLED)
	@rm -rf _build/en _build/zh && $(PY) -m tools.site.build prepare && touch $@

_config.zh.yml: _config.yml tools/site/config_zh.py | $(INSTALLED)
	@$(PY) -m tools.site.config_zh && touch $@

# The English pages' cells; both editions share their outputs. It says itself which pages a change
# concerns, and leaves the stamp away while one of them fails, so that it is tried again.
_build/executed: $(wildcard book/en/*.md) constraints.txt tools/notebooks/execution.py \
  tools/notebooks/dependencies.py \
  $(shell find rnncourse benchmarks/results book/programs -type f -not -name '*.pyc') | $(INSTALLED)
	@$(PY) -m tools.notebooks.execution $@

_build/en/done: _build/common _build/executed $(wildcard book/en/*.md)
	$(PY) -m tools.site.build en
	@touch $@

_build/zh/done: _build/common _build/executed _config.zh.yml book/glosses.yml $(wildcard book/zh/*.md)
	$(PY) -m tools.site.build zh
	@touch $@

# The package for readers who cannot reach GitHub.
_build/wheel/done: pyproject.toml README.md $(wildcard LICENSE* MANIFEST.in) \
  $(shell find rnncourse benchmarks/results book/programs -type f -not -name '*.pyc') | $(INSTALLED)
	@$(PY) -m tools.site.take_along && touch $@

_build/site/index.html: _build/en/done _build/zh/done _build/wheel/done book/landing.html book/404.html \
  $(wildcard book/try/* exercises/*) tools/site/editor.py
	@$(PY) -m tools.site.build assemble
	@$(PY) -m tools.editions.length

# Both editions at a time.
book: $(INSTALLED)
	@$(MAKE) --no-print-directory -j 2 _build/site/index.html
	@$(PY) -m tools.site.build report
	@echo "The book is built. Open _build/site/index.html, or run make serve."

serve: book
	@echo "Reading at http://127.0.0.1:$(PORT)  (Ctrl-C stops)"
	@$(PY) -m http.server --bind 127.0.0.1 --directory _build/site $(PORT)

# ---- derived files -----------------------------------------------------------

exercises: $(INSTALLED)
	$(PY) -m tools.exercises

notebooks: $(INSTALLED)
	$(PY) -m tools.notebooks $(if $(ALL),--all)

seeds: $(INSTALLED)
	@$(PY) -m tools.certify.seeds $(if $(FORCE),--force) $(CHAPTERS); code=$$?; \
	  $(PY) -m tools.notebooks claims && exit $$code

mutants: $(INSTALLED)
	$(PY) -m tools.certify.mutants && $(PY) -m tools.notebooks mutants

bench: $(INSTALLED)
	$(PY) benchmarks/speed.py && $(PY) benchmarks/language_speed.py
	@$(MAKE) --no-print-directory bench-grading

# The graders that ours is measured beside: an environment of their own, never the course's.
OTHERS := _build/bench-grading
$(OTHERS)/.installed: | $(INSTALLED)
	@echo "Installing otter-grader and nbgrader into $(OTHERS) (a minute)"
	@$(PY) -m venv $(OTHERS)
	@$(OTHERS)/bin/python -m pip install -q otter-grader nbgrader numpy
	@touch $@

bench-grading: $(OTHERS)/.installed
	$(PY) benchmarks/grading.py

# RNNCOURSE_DATA names a folder with the data sets; what is not there is downloaded. One that
# cannot be had stops its own run only.
REAL := $(patsubst benchmarks/real/%.py,%,$(filter-out benchmarks/real/_%,$(wildcard benchmarks/real/*.py)))
real: $(INSTALLED)
	@failed=0; for name in $(or $(NAMES),$(REAL)); do \
	  test -e benchmarks/real/$$name.py || { echo "No run is called $$name; there are: $(REAL)"; exit 2; }; \
	  echo "== $$name"; \
	  RNNCOURSE_PROGRESS= $(PY) benchmarks/real/$$name.py $(if $(FORCE),--force) || failed=1; \
	done; exit $$failed

set-repo: $(INSTALLED)
	@$(PY) -m tools.set_repo $(if $(URL),--url "$(URL)") $(if $(PYPI),--pypi "$(PYPI)")

lock: $(INSTALLED)
	@$(PY) -m pip install -q uv
	$(PY) -m tools.lock $(if $(UPGRADE),--upgrade)

# The tools for it have an environment of their own. What setuptools has left would get into the
# archives, so it goes first.
RELEASE := _build/release
$(RELEASE)/.installed: constraints.txt | $(INSTALLED)
	@$(PY) -m venv $(RELEASE)
	@$(RELEASE)/bin/python -m pip install -q -c constraints.txt build twine
	@touch $@

dist: export PIP_CONSTRAINT := constraints.txt
dist: $(RELEASE)/.installed
	$(if $(TAG),@$(PY) -m tools.release "$(TAG)")
	@rm -rf build dist *.egg-info
	@$(RELEASE)/bin/python -m build
	@$(RELEASE)/bin/python -m twine check --strict dist/*

picture: book
	@$(PY) -m tools.site.picture

weigh: book
	@$(PY) -m tools.site.weigh

# ---- checks ------------------------------------------------------------------

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p _build
	$(BIN)/lint-imports > _build/imports.txt || { cat _build/imports.txt; exit 1; }
	$(BIN)/mypy

step = @printf '\n== %s (%s)\n' "$(1)" "$$(date +%T)"

# Here nothing may fail: neither a warning, nor a cell, nor a claim.
test: export RNNCOURSE_STRICT := 1
test: export ALL := $(ALL)
test: $(INSTALLED)
	$(call step,1/5 lint)
	@$(MAKE) --no-print-directory lint
	$(call step,2/5 derived files and unit tests)
	@$(BIN)/pytest -n 2 --dist loadgroup --ignore tests/site
	$(call step,3/5 every notebook on its own against the installed package)
	@$(PY) -m tools.notebooks.nbval_run
	$(call step,4/5 the book: both editions with every warning an error)
	@$(MAKE) --no-print-directory book
	$(call step,5/5 the built site in a browser)
	@$(BIN)/pytest -n 2 tests/site
	@printf '\nAll checks passed (%s).\n' "$$(date +%T)"

clean:
	rm -rf _build build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
