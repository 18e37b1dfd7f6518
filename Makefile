# Menshen: `make demo` shows it, `make test` proves it. Both do all their own set-up.
.DEFAULT_GOAL := help
.PHONY: help demo test coverage lint fix lock sbom audit bench chaos clean
PYTHON ?=
BIN := .venv/bin
TEST_PACKAGES := docker-compose shellcheck mosquitto influxdb nginx iproute2 victoria-metrics postgresql nats-server chromium fonts-noto-cjk xvfb pcscd vsmartcard-vpcd systemd spin gcc libc6-dev
# Half of a test's time is waiting for servers: two workers more than there are cores, but never more than six.
WORKERS := $(shell n=$$(nproc 2>/dev/null || echo 1); [ $$n -gt 4 ] && echo 6 || echo $$((n + 2)))
# What pip compiles evdev and pyscard with, for which there are no wheels.
BUILD_PACKAGES := gcc libc6-dev linux-libc-dev python3-dev swig libpcsclite-dev
LOCKED = $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r
PROJECT = $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .

help: ## What can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-7s %s\n", $$1, $$2 }'

demo: .venv/.runtime ## A broker, a hub and two gates on this machine, with a live view; Ctrl-C ends it
	@$(BIN)/menshen demo $(ARGS)

test: .venv/.dev lint ## Install what is missing, then run every check and test
	@sh deploy/setup/debian.sh $(TEST_PACKAGES)
	MENSHEN_REQUIRE_ALL=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: ## As test, and tell which lines were never run (a quarter longer)
	@$(MAKE) test ARGS="--cov --cov-report=term $(ARGS)"

lint: .venv/.dev ## Style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: .venv/.dev ## Format, and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.dev ## Passage to page: latency of the whole path
	$(BIN)/menshen bench latency --json

chaos: .venv/.dev ## Everything fails, by a seed; nothing may be lost: ARGS="--minutes 60 --seed 1"
	@sh deploy/setup/debian.sh mosquitto influxdb
	$(BIN)/menshen chaos $(ARGS)

lock: .venv/.dev ## Write the lock files anew; ARGS=--upgrade for the newest of everything
	sh deploy/setup/lock.sh $(BIN)/python $(ARGS)

sbom: .venv/.dev ## What is in it: a CycloneDX list of packages for each lock, in var/sbom
	@mkdir -p var/sbom
	@for lock in runtime edge plates; do \
		$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible -o var/sbom/$$lock.json requirements/$$lock.lock \
			&& echo "var/sbom/$$lock.json"; done

AUDITOR := pip-audit==2.10.1
audit: .venv/.dev ## Known weaknesses of what is locked, by PyPI's advisories; needs a way to PyPI. ARGS=--dry-run asks nobody
	@for lock in runtime edge plates; do echo "requirements/$$lock.lock:"; \
		$(BIN)/uv tool run --from $(AUDITOR) pip-audit --strict --disable-pip --require-hashes --progress-spinner off $(ARGS) \
			-r requirements/$$lock.lock || failed=1; done; exit $${failed:-0}

clean: ## Remove what was made here; the demo's data too
	rm -rf .venv var .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage *.egg-info

.venv/.made:
	@sh deploy/setup/venv.sh $(PYTHON)
	@touch $@

.venv/.runtime: .venv/.made requirements/runtime.lock pyproject.toml
	@echo "Installing what Menshen needs (once) …"
	@$(LOCKED) requirements/runtime.lock
	@$(PROJECT)
	@touch $@

.venv/.dev: .venv/.made requirements/dev.lock pyproject.toml
	@echo "Installing what Menshen and its tests need (once) …"
	@sh deploy/setup/debian.sh $(BUILD_PACKAGES)
	@$(LOCKED) requirements/dev.lock
	@$(PROJECT)
	@touch $@ .venv/.runtime
