SHELL := /bin/sh
.DELETE_ON_ERROR:
PY := .venv/bin/python
READY := .venv/.ready

$(READY): requirements.txt pyproject.toml
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing: install it (Debian and Ubuntu: apt-get install python3-venv) and call make again." >&2; exit 2; }
	@echo "Setting up .venv (once, some minutes, about 6 GB on Linux) ..."
	python3 -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
