# What each command does in plain form stands in README.md. Works with GNU make 3.81 (macOS) and later.

START     = notebooks/00_start_here.ipynb
DEMO      = notebooks/demo/classroom.ipynb
PORTABLE  = $(START)
NOTEBOOK  =
NOTEBOOKS = $(wildcard notebooks/*.ipynb notebooks/*/*.ipynb)

SUPPORTED = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
PYTHON   ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3; do \
                $$p -c '$(SUPPORTED)' >/dev/null 2>&1 && echo $$p && break; done)
# Inside a container one is root, and JupyterLab wants to hear that it is meant.
AS_ROOT   = $(shell test "$$(id -u)" != 0 || echo --allow-root)

READY     = .venv/.ready
NBVAL     = .venv/bin/pytest --nbval --nbval-sanitize-with tests/nbval_sanitize.cfg

.PHONY: lab test notebooks lint demo setup clean
.NOTPARALLEL:

lab: setup
	.venv/bin/jupyter lab $(AS_ROOT) $(firstword $(wildcard $(START)) notebooks)

test: setup
	.venv/bin/pytest -n 2 --dist loadscope -m "not browser"
	$(if $(NOTEBOOKS),$(NBVAL) -n 2 --dist loadscope notebooks)
	$(if $(wildcard $(PORTABLE)),ATEN_CPU_CAPABILITY=default $(NBVAL) $(PORTABLE))
	.venv/bin/pytest -m browser

# All of them, or one: make notebooks NOTEBOOK=01
notebooks: setup
	.venv/bin/python -m tools.build_notebooks $(NOTEBOOK)

lint: setup
	.venv/bin/ruff check

demo: setup
	.venv/bin/voila --Voila.ip=127.0.0.1 $(DEMO)

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@"$(PYTHON)" -c '$(SUPPORTED)' 2>/dev/null || { echo "gdw needs Python 3.11 to 3.14: install one, or name it, as in 'make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)'." >&2; exit 1; }
	.venv/bin/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,dask]'
	@touch $(READY)

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
