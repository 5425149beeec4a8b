# `make demo` and `make test` are all a newcomer needs; `make quick` is for while you work; `make check` is everything CI runs.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# programs that run as processes of their own, each with its packages where they have another name
ENGINES := espeak-ng dot:graphviz,fonts-liberation

DATA ?= ../shared/data/nlu

# where it is set, as in many containers, each of our processes would compile all it imports again: 8 s of processor instead of 3
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo demo-app demo-console console-pictures install test check quick quick-style quick-types quick-tests tests-compiled bench bench-nlu bench-hostile bench-load bench-console soak bench-talk bench-mail rasa rasa-serve lock lock-rasa licences bench-secrets bench-hearing clean apt

demo: install
	$(BIN)/voicebot demo

# the pages for operations, on a month of simulated traffic
demo-console: install
	$(BIN)/python -m bench.traffic

# pictures of its pages for docs/console
console-pictures: install
	$(BIN)/python -m bench.traffic.pictures

# the bank's app in the browser, voicebot, and an agent who answers; CHECK=1: a browser tries all of it
demo-app: install
	PYTHONPATH=. $(BIN)/python examples/bank-app/run.py $(if $(CHECK),--check)

install: $(VENV)/.installed apt

$(VENV)/.installed: requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

# installed quietly, only when missing; a machine that was just started may be at its own updates: these are waited for
apt:
	@for engine in $(ENGINES); do command -v $${engine%%:*} >/dev/null || missing="$$missing $$(echo $${engine#*:} | tr , ' ')"; done; \
	test -z "$$missing" || { echo "installing$$missing (needs root)"; \
	  (apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=120 --no-install-recommends $$missing) >/dev/null 2>&1 \
	  || echo "$$missing could not be installed: Polish prompts need espeak-ng, pictures of the flow need graphviz, the pages' tests need chromium and firefox-esr, those of TURN coturn, those of the edge kamailio, nftables and sip-tester, those of a mailbox dovecot-imapd"; }

test check: ENGINES += chromium firefox-esr turnserver:coturn sipp:sip-tester nft:nftables tcpdump baresip \
	kamailio:kamailio,kamailio-tls-modules,kamailio-extra-modules dovecot:dovecot-imapd

# three processes more than cores, since tests mostly wait; the tests of one file share one, and what is costly to make for them.
# Tests place real calls with real time limits: what failed beside others runs once more, alone, and is named. A fault fails again.
define run-tests
	@$(BIN)/python -m pytest --numprocesses $$(($$(nproc) + 3)) --dist loadfile --no-loadscope-reorder || { test $$? -eq 1 && \
	  echo "once more, alone, what failed beside other tests:" && $(BIN)/python -m pytest -v --last-failed --last-failed-no-failures none --maxfail 3; }
endef

test: install
	$(run-tests)

check: install
	@$(MAKE) --no-print-directory -j2 quick-types tests-compiled quick-style
	$(run-tests)

# once, not by each of the processes that run tests; what is wrong is told by the tests themselves
tests-compiled:
	@$(BIN)/python -m pytest --collect-only -qq >/dev/null 2>&1 || true

# lint, types and the tests of the packages that do no I/O, side by side: under a minute on two cores
quick: install
	@$(MAKE) --no-print-directory -j2 quick-style quick-types quick-tests

quick-style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

quick-types:
	$(BIN)/mypy

quick-tests:
	$(BIN)/python -m pytest tests/caller_id tests/dialogs tests/nlu

# ONLY="yardstick load": these parts (see python -m bench --help)
bench: install
	$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY))

# calls at once and a second, with sipp; the tables go to docs/capacity.md: CALLS="20 40 60" RATES="5 10" SECONDS=15 ONLY="held rate"; ONLY=legs LEGS="audiosocket telnyx"
bench-load: install
	$(BIN)/python -m bench.load --write $(if $(CALLS),--calls $(CALLS)) $(if $(RATES),--rates $(RATES)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(ONLY),--only $(ONLY)) $(if $(LEGS),--legs $(LEGS))

# every page of the console on a million calls, SQLite and PostgreSQL; the tables go to docs/capacity.md: CALLS=200000 ONLY="pages keeping beside"
# FOLDER is kept and used again: 5 GB for each database
bench-console: install
	$(BIN)/python -m bench.console --write $(if $(CALLS),--calls $(CALLS)) $(if $(ONLY),--only $(ONLY)) $(if $(FOLDER),--folder $(FOLDER))

# calls of every kind of ending: MINUTES=30 RATE=4; the result goes to docs/capacity.md
soak: install
	$(BIN)/python -m bench.soak --write $(if $(MINUTES),--minutes $(MINUTES)) $(if $(RATE),--rate $(RATE))

# CALLS=20 SECONDS=15 ATTACKS="silent frames" TLS=1 (see python -m bench.hostile --help)
bench-hostile: install
	$(BIN)/python -m bench.hostile $(if $(CALLS),--calls $(CALLS)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(ATTACKS),--attacks $(ATTACKS)) $(if $(TLS),--tls)

bench-nlu: install
	$(BIN)/python -m bench.nlu $(DATA) $(if $(ONLY),--only $(ONLY)) $(if $(RASA),--rasa $(RASA))

# simulated callers, thousands of a language: CALLS=500 SEED=7 for fewer and others
bench-talk: install
	$(BIN)/python -m bench.talk $(if $(CALLS),--calls $(CALLS)) $(if $(SEED),--seed $(SEED))
# words and matters wrong in noise, loss, at other levels: OUT=folder LINES=60 VOICES=folder (see python -m bench.hearing --help)
bench-hearing: install
	$(BIN)/python -m bench.hearing $(or $(OUT),.bench-hearing) $(if $(LINES),--lines $(LINES)) $(if $(VOICES),--voices $(VOICES))
# how many secrets dictated at random are masked, by kind and way, and how many harmless numbers are lost
bench-secrets: install
	$(BIN)/python -m bench.secrets $(if $(COUNT),--count $(COUNT))

# how well invented mails are steered: HALF=chosen-on WRONG=1 (see python -m bench.mail --help)
bench-mail: install
	$(BIN)/python -m bench.mail $(if $(HALF),--half $(HALF)) $(if $(WRONG),--wrong)

# Rasa in an environment of its own (Python 3.10): trained on our data, started, tested against; rasa-serve leaves it running
rasa: install
	$(BIN)/python scripts/rasa.py test $(if $(LANGUAGES),--languages $(LANGUAGES))

rasa-serve: install
	$(BIN)/python scripts/rasa.py serve $(if $(LANGUAGES),--languages $(LANGUAGES))

lock:
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --prerelease if-necessary-or-explicit --all-extras --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --prerelease if-necessary-or-explicit --all-extras --group dev --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements-dev.lock

# after a change of the lock
licences: install
	$(BIN)/python scripts/licences.py

lock-rasa:
	$(BIN)/uv pip compile --quiet --python-platform linux --python-version 3.10 --generate-hashes --no-emit-index-url --no-header requirements-rasa.in -o requirements-rasa.lock

clean:
	rm -rf $(VENV) var build *.egg-info
