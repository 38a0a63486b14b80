# Everything a developer does, in one place. Each target works in a fresh clone: `.venv` is made on demand,
# with uv where it is installed, else with venv and pip, from the lock (versions and hashes, no addresses).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)

.PHONY: help run demo serve test check sweep fuzz mutants bench coverage lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /	/'

run: $(VENV)/.run ## answer a call on this machine, by voice: gateway, embedded agent and a phone in the terminal
	@$(BIN)/voicegw demo --stream

demo: $(VENV)/.run ## the same without models, where the carrier hears and speaks
	@$(BIN)/voicegw demo

test: $(VENV)/.dev ## all tests, with the coverage gates
	@rm -f .coverage .coverage.*
	$(BIN)/pytest -q -n 2 --dist worksteal -m "not sweep" --hypothesis-seed=7 --cov --cov-report=
	@$(MAKE) --no-print-directory coverage

coverage: $(VENV)/.dev ## the coverage gates over the last test run
	@$(BIN)/coverage report --skip-covered --fail-under=95
	@$(BIN)/coverage report --fail-under=100 --include='$(PURE)' > /dev/null || \
		{ $(BIN)/coverage report --skip-covered --show-missing --include='$(PURE)'; exit 1; }

check: $(VENV)/.dev ## lint, formatting, types, architecture, lengths
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tests/lengths.py
	if [ -x $(BIN)/hadolint ]; then $(BIN)/hadolint docker/Dockerfile; fi

sweep: $(VENV)/.dev ## random callers against random agents, in virtual time (minutes)
	$(BIN)/pytest -q -n 2 -m sweep

FUZZ_SECONDS ?= 120

fuzz: $(VENV)/.fuzz ## each parser on invented input for two minutes (FUZZ_SECONDS)
	@for target in $(notdir $(wildcard fuzz/corpus/*)); do \
		echo "fuzzing $$target for $(FUZZ_SECONDS) s …"; \
		$(BIN)/python fuzz/run.py $$target $(FUZZ_SECONDS) -print_final_stats=1 -verbosity=0 || exit 1; \
	done

ONLY ?= *
ANY_MUTANT := twiml.text.x_clean_text__mutmut_1

mutants: $(VENV)/.mutants ## do the tests notice a changed line? (half an hour or more; ONLY='twiml.text*' for a part)
	@rm -rf mutants
	$(BIN)/mutmut run $(ANY_MUTANT)  # makes them all, and learns which tests reach what
	-$(BIN)/python fuzz/judge.py '$(ONLY)'
	@$(BIN)/python fuzz/scores.py

GATHER_BENCHES := "webhook_turns" "webhook_turns --parts" "log_cost" "first_word" "soak" "soak --sqlite" "million_calls"
STREAM_BENCHES := "stream_load" "voice_to_voice" "barge_in" "speech_accuracy" "voice_detector" "live_resampling" "artefacts"

bench: $(VENV)/.bench ## measure all that is claimed (two hours; VOICEGW_BENCH_PEERS is a Python that has pipecat, for stream_load)
	@for bench in $(GATHER_BENCHES) $(STREAM_BENCHES); do \
		echo; echo "python -m bench.$$bench"; \
		$(BIN)/python -m bench.$$bench || exit 1; \
	done

lock: ## write the locks anew from pyproject.toml
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 \
		pyproject.toml --extra postgres --extra offline --group build -o requirements.lock
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 \
		pyproject.toml --extra postgres --extra offline --extra deepgram --extra elevenlabs --extra openai --group build --group dev -o requirements-dev.lock

clean: ## forget everything that can be made again
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* build/fuzz mutants

PURE := twiml/*,voicegw/call/*,voicegw/voiceflow/actions.py,voicegw/voiceflow/requests.py,voicegw/voiceflow/traces.py,voicegw/voiceflow/sse.py,voicegw/voiceflow/next_action.py,voicegw/voiceflow/planner*.py,voicegw/voiceflow/custom_actions.py,voicegw/voiceflow/variables.py,voicegw/twilio/signature.py,voicegw/twilio/forms.py,voicegw/twilio/performer.py,voicegw/twilio/*_verbs.py

$(VENV)/bin/python:
ifdef UV
	@$(UV) venv --quiet --python $(PYTHON) $(VENV)
else
	@$(PYTHON) -m venv $(VENV)
endif

define install
	@echo "Installing voicegw from $(1) …"
	@if [ -n "$(UV)" ]; then \
		VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --require-hashes -r $(1) && \
		VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation -e .; \
	else \
		$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r $(1) && \
		$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
endef

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements.lock)
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements-dev.lock)
	@touch $@ $(VENV)/.run

# Groups outside the locks: they are for looking for faults, not for building or judging the product.
$(VENV)/.fuzz $(VENV)/.mutants $(VENV)/.bench: $(VENV)/.%: pyproject.toml | $(VENV)/.dev
	@echo "Installing the dependency group $* …"
	@if [ -n "$(UV)" ]; then \
		VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --group $*; \
	else \
		$(BIN)/pip install --quiet --disable-pip-version-check 'pip>=25.1' && \
		$(BIN)/pip install --quiet --disable-pip-version-check --group $*; \
	fi
	@touch $@
