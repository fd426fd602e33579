# Short names for `python start.py ...`, which does everything. Works with GNU make 3.81 (macOS) and later.
# Another Python: make PYTHON=/path/to/python3.12 lab

PYTHON   ?= $(shell for p in python3 python; do command -v $$p >/dev/null && echo $$p && break; done)
NOTEBOOK  =
OPTIONS   =

.PHONY: lab test soak notebooks site dist slides lint demo setup clean
.NOTPARALLEL:

lab test site dist slides lint setup clean:
	@"$(PYTHON)" start.py $@

# All of them, or one: make notebooks NOTEBOOK=01
notebooks:
	@"$(PYTHON)" start.py notebooks $(NOTEBOOK)

soak:
	@"$(PYTHON)" start.py soak $(OPTIONS)

demo:
	@"$(PYTHON)" start.py demo $(OPTIONS)
