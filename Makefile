# Two commands are enough: make book, make test. Each sets up what it needs.
SHELL := /bin/sh
.DELETE_ON_ERROR:
.PHONY: book chapters chapter quick quick-first quick-second test test-code test-chapters test-release test-ranges lint \
  results results-list results-restamp train bench lock dist reader pdf coursework coursework-check grade clean FORCE
PYTHON ?= $(shell for p in python3.11 python3 .venv/bin/python "$$(uv python find 3.11 2>/dev/null)"; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
# A Python that was asked for replaces the one that the environment has.
NAMED := $(if $(filter-out file,$(origin PYTHON)),--named)
# TORCH=cpu or TORCH=default (on Linux with CUDA); auto looks for an NVIDIA driver when .venv is made.
TORCH ?= auto
PY := .venv/bin/python
SET_UP = test -n "$(PYTHON)" || \
  { echo "Python 3.11 or newer is missing: install it, or name it with make PYTHON=/path/to/python3.11." >&2; exit 2; }; \
  $(PYTHON) setup_venv.py $(NAMED)
READY := .venv/.ready
NBGRADER := .venv-nbgrader/.ready
TABLES := _build/tables.txt
HTML := _build/html/index.html
PACKAGE := $(shell find mffcn_lite -name '*.py')
SHIPPED := $(shell find mffcn_lite/weights mffcn_lite/results -type f)
MAKERS := $(wildcard book/build/*.py)
# Files of tests for what stands around the package; all others are the package's own, here in two halves.
AROUND := appendices archives book browser course course_% darkening data_scripts exercises_% experiments failure first_page forensics leak \
  mistakes objective_map off_protocol other_sets page_meta pages panel probes project reader recognition references seen_and_guessed setup_venv site speedrun stamps
OWN := $(filter-out $(AROUND:%=tests/test_%.py),$(sort $(wildcard tests/test_*.py)))
FIRST := $(wildcard tests/test_[a-o]*.py)
DOWNLOADS := $(wildcard _build/downloads/mffcn_lite-*.zip)
PAGES := $(shell find book -name '*.md' -o -name '*.css' -o -name '*.bib' -o -name '*.svg' -o -name '*.js' -o -name '*.html' -o -name tested_versions.json -o -path 'book/solutions/*.py') _config.yml _toc.yml

book: $(TABLES) $(HTML)
	@cat $(TABLES)
	@echo "The book is ready. Open $(CURDIR)/$(HTML)"

# Tables 1 and 2: the shipped networks on people whom no training saw.
$(TABLES): $(READY) $(PACKAGE) $(SHIPPED)
	@mkdir -p _build
	@.venv/bin/mffcn-lite evaluate --data orl --models bilinear,bicubic,srcnn,mffcn,mffcn-full --factors 2,3,4 > $@

# Chapters are executed where their text or the package changed; the pages are built from the stored outputs.
$(HTML): $(READY) $(PACKAGE) $(SHIPPED) $(PAGES) $(MAKERS) $(DOWNLOADS)
	@$(PY) -m book.build.make_browser
	@$(PY) -m book.build.make_chapters
	@.venv/bin/jupyter-book build . --all --warningiserror --nitpick --keep-going --quiet
	@touch $@

chapters: $(READY)
	$(PY) -m book.build.make_chapters

# Room for a new chapter, and stubs of its four files: make chapter NAME=colour AT=5. Without AT it is the last one.
chapter: $(READY)
	@test -n "$(NAME)" || { echo "Say what it is called, and where it comes: make chapter NAME=colour AT=5" >&2; exit 2; }
	$(PY) -m book.build.add_chapter $(NAME) $(AT)

# The package's own tests but the slow ones: less than a minute, after each change.
quick: $(READY)
	@$(MAKE) --no-print-directory --keep-going -j2 quick-first quick-second

QUICK = $(PY) -m pytest -q --no-header --disable-warnings -m "not slow and not release"

quick-first:
	@$(QUICK) $(filter $(FIRST),$(OWN))

quick-second:
	@$(QUICK) $(filter-out $(FIRST),$(OWN))

# With the pages: a warning in them is a failure. Tests and chapters at once, as each keeps one core busy.
test: $(READY) $(HTML)
	@$(MAKE) --no-print-directory --keep-going -j2 test-code test-chapters

test-code:
	$(PY) -m pytest -m "not release"

test-chapters:
	$(PY) -m pytest --nbval book/chapters

# What takes too long for every change: more cases of what make test proves on some; twenty kills at random moments; make
# grade, which needs nbgrader; each chapter outside the repository, from the wheel, where torch is but not we.
test-release: test dist coursework
	$(PY) -m pytest -m release
	MFFCN_LITE_KILLS=20 $(PY) -m pytest tests/test_runs.py -k killed
	$(PY) -m book.build.run_outside

# Chapters and tests at both ends of the version ranges in pyproject.toml: the newest on the newest Python that is at hand,
# up to 3.14; ENDS="newest --python 3.12" tries this one alone, on another Python. Needs a network, some 10 GB at a time, and half an hour an end on a free machine.
test-ranges: dist
	$(PY) -m book.build.run_versions $(ENDS)

lint: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m book.build.make_chapters --check

# Every number of the book that is not up to date, the longest first; stop it and call it again as you like. Hours.
# ONLY="ablations tables" makes these alone. Leave the machine alone meanwhile: times are measured at the end.
results: $(READY)
	$(PY) -m benchmarks $(ONLY)

# A line a result: up to date, or which definition changed. CHECK=1: status 1 where one is not; JSON=file: as JSON too.
# Needs no set-up: nothing is imported.
results-list:
	@$(or $(PYTHON),python3) -m benchmarks list $(if $(CHECK),--check) $(if $(JSON),--json "$(JSON)")

# After a change that changes no number: runs the probe of what is out of date, and stamps anew where its bits are the same.
results-restamp: $(READY)
	$(PY) -m benchmarks restamp $(ONLY)

# The shipped systems alone. About an hour and a half on two cores.
train: $(READY)
	$(PY) -m benchmarks weights

# Both sides of each speed claim, in turn, as ratios. Leave the machine alone meanwhile.
bench: $(READY)
	$(PY) -m benchmarks.speed.bench_fusing
	$(PY) -m benchmarks.speed.bench_measures
	$(PY) -m benchmarks.speed.bench_training
	$(PY) -m benchmarks.speed.bench_prepare

# After a change of pyproject.toml: exact versions with their hashes; those that still fit are kept.
# Not detect, which is large and for one option of one command.
LOCKED := --extra notebook --extra book --extra test --extra dev
lock: $(READY)
	$(PY) -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate $(LOCKED) \
	  --no-emit-find-links --quiet --custom-compile-command "make lock" --output-file requirements.txt pyproject.toml
	echo nbgrader | $(PY) -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --no-emit-find-links --quiet --custom-compile-command "make lock" --output-file course/requirements.txt -

# The whole book on paper: _build/pdf/book.pdf. Needs Chromium or Chrome.
pdf: $(HTML)
	$(PY) -m book.build.make_pdf

# The course, from the same sources: coursework/student, coursework/instructor, coursework/hidden.
coursework: $(READY) $(NBGRADER)
	$(PY) -m course.editions

# Marks for what students handed in: SUBMITTED/STUDENT/chapter-08/chapter-08.ipynb. See course/instructor.md.
grade: $(READY) $(NBGRADER)
	@test -n "$(SUBMITTED)" || { echo "Say where it is: make grade SUBMITTED=folder" >&2; exit 2; }
	.venv-nbgrader/bin/python -m course.grade "$(SUBMITTED)"

# That solutions get all marks, stubs none, wrong, hostile and honest answers what they deserve: 20 minutes, then JSON.
# OUT=file: written there too; CHAPTERS="8 9" proves it for these alone.
coursework-check: coursework
	@.venv-nbgrader/bin/python -m course.prove $(if $(OUT),--out "$(abspath $(OUT))") $(CHAPTERS)

# All notebooks in a zip that runs on its own, _build/downloads/mffcn_lite-reader.zip; the pages offer it where it is
# there when they are built.
reader: dist
	$(PY) -m book.build.make_reader

# The package as it is published; the same bytes from the same files.
dist: $(READY)
	rm -rf dist
	SOURCE_DATE_EPOCH=315532800 $(PY) -m uv build --quiet --out-dir dist .

# What was built. The set-up (.venv) and what was trained (runs) stay.
clean:
	rm -rf _build build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

# The set-up asks each time what is missing, and touches .ready only where something was: see setup_venv.py.
$(READY): FORCE
	@$(SET_UP) --torch $(TORCH) .venv requirements.txt --package

# nbgrader wants older libraries than the book, so it lives in an environment of its own.
$(NBGRADER): FORCE
	@$(SET_UP) .venv-nbgrader course/requirements.txt

FORCE:
