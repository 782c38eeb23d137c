# The commands of this project. `make run` and `make test` need nothing but Python 3.11 or newer and make.

.DEFAULT_GOAL := help
.PHONY: help run test test-fast test-whole test-long test-sqlite test-postgres test-mysql check format lock audit devdb screenshots bench cells rehearse image clean

PYTHON ?= python3
export PYTHON

# A server that is there already needs none of its own; `make test TEST_DATABASE_URL=mysql://…` as well as by
# environment. Empty means none.
TEST_DATABASE_URL ?=
ifneq ($(TEST_DATABASE_URL),)
export TEST_DATABASE_URL
endif

# Python compiles a module once, and not for each of the many processes that tests start, whatever this machine says.
unexport PYTHONDONTWRITEBYTECODE

# Through its interpreter where a program is a script: the first line of one cannot name every folder.
BIN := .venv/bin
# The checks must not see a developer's own settings or database.
DEVELOPMENT := ENV_FILE= DEBUG=true DATABASE_URL=sqlite://:memory:
PRODUCTION := ENV_FILE= DEBUG=false DATABASE_URL=mysql://bookings@127.0.0.1/bookings \
	JWT_ISSUER=https://users.example.org JWT_JWKS=https://users.example.org/jwks.json \
	PAYMENT_GATEWAY=stripe STRIPE_API_KEY=rk_live_no_account STRIPE_PUBLISHABLE_KEY=pk_live_no_account \
	STRIPE_WEBHOOK_SECRET=whsec_no_account_no_secret CURRENCY=EUR ALLOWED_HOSTS=bookings.example.org FLIGHT_SERVICE_URL=https://flights.example.org \
	SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))')
SOURCES := benchmarks bookings bookingsite deploy devtools flightsim manage.py paysim
# What depends on the database, and must not depend on which.
ANY_DATABASE := tests/api tests/commands tests/database tests/office tests/regressions tests/security tests/spec tests/unkeyed
# The same, with what only a server can show; and what of it CI has the time for.
ON_POSTGRES := $(ANY_DATABASE) tests/crashes tests/operations/test_migrate_on_postgresql.py tests/properties \
	tests/races tests/volume
ON_MYSQL := $(ANY_DATABASE) tests/crashes tests/properties tests/races tests/volume
ON_POSTGRES_QUICKLY := tests/commands tests/crashes tests/database tests/properties tests/races tests/spec
# What says the most about a change in the least time.
FAST := tests/api tests/architecture tests/docs tests/gateway tests/spec
# Two at a time, those that take longest first.
CHECKS := $(addprefix check-,types api-description security migrations production-settings settings alert-rules \
	import-contracts format lint dockerfile)
# Processes with a server of their own each, as tests look at who waits for a lock. Many wait for something, so
# there are more than two cores could do with. tests/conftest.py puts them in turn.
IN_PARALLEL := -n 4 --dist loadfile --no-loadscope-reorder
# Long ones start many processes of their own.
IN_PAIRS := $(subst -n 4,-n 2,$(IN_PARALLEL))
# A run of all tests but the long ones fails if a branch of services, gateways or db is left.
EVERY_BRANCH := -p devtools.pytest_branches
# Runs a command and shows what it says only if it fails.
quietly = log=$$($(1) 2>&1) || { printf '%s\n' "$$log"; exit 1; }

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run:  ## run the whole service on this machine; WEB_PORT=8000 FLIGHTS_PORT=8001 choose the ports; FAULTS="--help"; PAYMENTS=stripe
	@sh devtools/system_packages.sh run
	@sh devtools/venv.sh requirements.txt
	@exec $(BIN)/python -m devtools.run_all

test:  ## run all checks, and the everyday tests on a private MariaDB, in three minutes; or on TEST_DATABASE_URL
	@sh devtools/system_packages.sh $(if $(TEST_DATABASE_URL),run,test)
	@$(MAKE) --no-print-directory check
	@echo "tests on $(if $(TEST_DATABASE_URL),TEST_DATABASE_URL,a private MariaDB)"
	@$(BIN)/python -m pytest $(if $(TEST_DATABASE_URL),,$(IN_PARALLEL)) -m "not long and not slow"

test-whole:  ## run the everyday tests and the slow ones on a private MariaDB, and see that they take every branch
	@sh devtools/system_packages.sh test
	@sh devtools/venv.sh requirements.txt tests/requirements.txt
	@echo "tests on a private MariaDB, every branch"
	@$(BIN)/python -m pytest $(IN_PARALLEL) $(EVERY_BRANCH) -m "not long"

test-fast:  ## run in half a minute, on SQLite in memory, the tests of rules, API and gateways
	@sh devtools/system_packages.sh run
	@sh devtools/venv.sh requirements.txt tests/requirements.txt
	@echo "fast tests on SQLite in memory"
	@TEST_DATABASE_URL=sqlite://:memory: $(BIN)/python -m pytest --quiet -n 3 --dist worksteal -m "not long and not slow and not mysql and not mariadb and not server" $(FAST)

test-long:  ## run the tests that take long: every page in Chromium, generated requests, restarts, hanging workers
	@sh devtools/system_packages.sh test
	@sh devtools/venv.sh requirements.txt tests/requirements.txt tests/browser/package-lock.json \
		tests/clients/package-lock.json tests/paysim/package-lock.json tests/webhooks/package-lock.json \
		benchmarks/node_reference/package-lock.json
	@test "$$(id -u)" != 0 || sh devtools/system_packages.sh cluster
	@echo "long tests on a private MariaDB"
	@$(BIN)/python -m pytest $(IN_PAIRS) -m long

test-sqlite:  ## run on SQLite the tests that depend on the database, and not on which
	@sh devtools/system_packages.sh run
	@sh devtools/venv.sh requirements.txt tests/requirements.txt
	@echo "tests on SQLite"
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
		TEST_DATABASE_URL="sqlite:///$$folder/tests.sqlite3" $(BIN)/python -m pytest $(IN_PARALLEL) -m "not mysql and not mariadb and not server" $(ANY_DATABASE)

test-postgres:  ## run on a private PostgreSQL what needs a server, races and crashes included; QUICK=1: what CI runs
	@sh devtools/system_packages.sh test
	@sh devtools/system_packages.sh postgres
	@sh devtools/venv.sh requirements.txt tests/requirements.txt
	@echo "tests on a private PostgreSQL"
	@TEST_DATABASE_URL= TEST_SERVER=postgresql $(BIN)/python -m pytest $(IN_PARALLEL) \
		-m "not long and not mysql and not mariadb$(if $(QUICK), and not slow)" $(if $(QUICK),$(ON_POSTGRES_QUICKLY),$(ON_POSTGRES))

test-mysql:  ## run on a private MySQL, which it fetches from Debian's unstable release, what needs a server; QUICK=1: less
	@sh devtools/system_packages.sh test
	@sh devtools/mysql_packages.sh
	@sh devtools/venv.sh requirements.txt tests/requirements.txt
	@echo "tests on a private MySQL"
	@TEST_DATABASE_URL= TEST_SERVER=mysql $(BIN)/python -m pytest $(IN_PARALLEL) \
		-m "not long and not mariadb$(if $(QUICK), and not slow)" $(if $(QUICK),$(ON_POSTGRES_QUICKLY),$(ON_MYSQL))

check:  ## run the checks alone: format, lint, security, types, import contracts, settings, migrations, API description, Dockerfile, alert rules
	@sh devtools/system_packages.sh run
	@sh devtools/venv.sh requirements.txt tests/requirements.txt tests/clients/package-lock.json
	@$(MAKE) --no-print-directory --jobs=2 --output-sync $(CHECKS)

.PHONY: $(CHECKS)
check-format:
	@echo "format" && $(BIN)/ruff format --check --quiet .
check-lint:
	@echo "lint" && $(BIN)/ruff check --quiet .
check-security:
	@echo "security" && $(call quietly,$(BIN)/python $(BIN)/bandit --quiet --recursive --configfile pyproject.toml $(SOURCES))
check-types:
	@echo "types" && $(DEVELOPMENT) $(BIN)/python -m mypy --no-error-summary
check-import-contracts:
	@echo "import contracts" && $(call quietly,$(BIN)/python $(BIN)/lint-imports)
check-settings:
	@echo "settings" && $(call quietly,$(DEVELOPMENT) $(BIN)/python manage.py check)
check-production-settings:
	@echo "production settings" && \
		$(call quietly,$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING)
check-migrations:
	@echo "migrations" && $(call quietly,$(DEVELOPMENT) $(BIN)/python manage.py makemigrations --check --dry-run)
check-api-description:
	@echo "API description" && $(call quietly,$(DEVELOPMENT) sh tests/clients/lint.sh)
check-dockerfile:
	@echo "Dockerfile" && $(BIN)/hadolint Dockerfile
check-alert-rules:
	@echo "alert rules" && $(call quietly,sh devtools/promtool.sh check rules deploy/alerts.yml) && \
		$(call quietly,sh devtools/promtool.sh test rules tests/deploy/alerts_test.yml)

format:  ## put the code into the format that `make check` asks for
	@sh devtools/venv.sh requirements.txt tests/requirements.txt
	@$(BIN)/ruff check --quiet --fix-only . && $(BIN)/ruff format --quiet .

lock:  ## make the locks of packages, requirements.txt and others, from the lists; UPGRADE=1 takes newer versions
	@sh devtools/venv.sh requirements.txt
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@for list in requirements requirements-tracing tests/requirements deploy/patroni/requirements; do \
		echo "$$list.txt" && $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
			--no-header --quiet $(if $(UPGRADE),--upgrade) $$list.in -o $$list.txt || exit 1; \
	done
	@sh devtools/venv.sh tests/requirements.txt
	@for folder in tests/browser tests/clients tests/paysim tests/webhooks benchmarks/node_reference; do \
		echo "$$folder/package-lock.json" && \
		$(BIN)/npm $(if $(UPGRADE),update --save,install) --prefix $$folder --package-lock-only \
			--omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund --no-update-notifier --silent || exit 1; \
	done

audit:  ## ask the package index for known vulnerabilities of what is locked; needs a network that reaches it
	@sh devtools/venv.sh requirements.txt tests/requirements.txt
	@for list in requirements requirements-tracing tests/requirements deploy/patroni/requirements; do \
		echo "$$list.txt" && $(BIN)/python $(BIN)/pip-audit --strict --disable-pip --require-hashes -r $$list.txt || exit 1; \
	done

devdb:  ## run a throw-away MariaDB until Ctrl-C and print its DATABASE_URL
	@sh devtools/system_packages.sh test
	@sh devtools/venv.sh requirements.txt
	@exec $(BIN)/python -m devtools.mariadb

screenshots:  ## make the pictures in docs/screenshots/, from demo data on a private MariaDB
	@sh devtools/system_packages.sh test
	@sh devtools/venv.sh requirements.txt tests/requirements.txt
	@exec $(BIN)/python -m tests.browser.screenshots

# What `make bench PYTHON=…` measures has packages of its own, as they differ from one Python to the next.
BENCH_VENV := $(if $(findstring command,$(origin PYTHON)),var/venv$(subst /,-,$(PYTHON)))

bench:  ## measure the service beside references for docs/measurements.md; LONG=1; OLD=another checkout; PYTHON=its interpreter
	@sh devtools/system_packages.sh test
	@sh devtools/venv.sh requirements.txt tests/requirements.txt benchmarks/node_reference/package-lock.json
	@$(if $(BENCH_VENV),VENV=$(BENCH_VENV) sh devtools/venv.sh requirements.txt)
	@exec $(BIN)/python -m benchmarks --docs docs $(if $(LONG),--long) $(if $(OLD),--old "$(OLD)") \
		$(if $(BENCH_VENV),--python $(BENCH_VENV)/bin/python)

cells:  ## run two cells that share the flights on this machine, walk them, and end them; a minute
	@sh devtools/system_packages.sh test
	@sh devtools/venv.sh requirements.txt tests/requirements.txt
	@exec $(BIN)/python -m devtools.cells

rehearse:  ## play outages one after another against real processes, and see that nothing is lost; some minutes
	@sh devtools/system_packages.sh test
	@sh devtools/venv.sh requirements.txt tests/requirements.txt
	@exec $(BIN)/python -m tests.campaigns rehearsal

image:  ## build the container image without a Docker engine and try it; needs root and Debian 12
	@sh deploy/image/build.sh

clean:  ## delete .venv, caches and var/, with the demo database
	@rm -rf .venv var static .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
