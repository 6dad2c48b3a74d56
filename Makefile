# The front door: `make demo` and `make test` are all that a newcomer needs.
#
# Every target uses one profile (release), so that a machine compiles
# DataFusion once. The target folder may lie outside the checkout: set
# CARGO_TARGET_DIR. On a build server (CI is set and CARGO_TARGET_DIR is not)
# it lies in the user's cache, where the next checkout finds it again.

ifndef CARGO_TARGET_DIR
ifdef CI
export CARGO_TARGET_DIR := $(HOME)/.cache/claimsift/target
endif
endif

CARGO ?= cargo
FLAGS := --release --locked
# Arguments of the demo: make demo ARGS="--events 500000 --lang en"
ARGS ?=
SEEDS ?= 0..100000

.DEFAULT_GOAL := help
.PHONY: help demo test rules quiet simulate soak bench generated check

help: ## say what there is to make
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: ## build, and run the main job on a made-up city, without a broker (ARGS="--events N ...")
	@scripts/prepare-tests --build-only
	$(CARGO) build $(FLAGS) --bin claimsift
	@$(CARGO) run --quiet $(FLAGS) --bin claimsift -- demo $(ARGS)

test: ## install what tests need and is missing, then run all of them, real Kafka included
	@scripts/prepare-tests
	$(CARGO) test $(FLAGS)

rules: ## check the rule files and run their cases
	$(CARGO) run --quiet $(FLAGS) --bin claimsift -- rules check
	$(CARGO) run --quiet $(FLAGS) --bin claimsift -- rules test

quiet: ## a month of 1.1 M events in which nothing is wrong, and what the rules say to it
	@scripts/prepare-tests --build-only
	CLAIMSIFT_QUIET=1 $(CARGO) test $(FLAGS) --test quiet_month -- --nocapture

simulate: ## histories of crashes, lost answers, zombies and disorder (SEEDS=0..100000)
	@scripts/prepare-tests --build-only
	CLAIMSIFT_SEEDS=$(SEEDS) $(CARGO) test $(FLAGS) --test simulation every_history -- --nocapture

soak: ## the end-to-end tests at full size, with more than fifty kills
	@scripts/prepare-tests
	CLAIMSIFT_SOAK=1 $(CARGO) test $(FLAGS) --test end_to_end --test kills -- --nocapture

bench: ## every bench; each prints its ratio to a floor of the same run
	@scripts/prepare-tests
	$(CARGO) bench --locked --bench '*'

generated: ## write schemas/, docs/reference/, docs/rules/, the city's baseline and rules/rules.lock anew
	@scripts/prepare-tests --build-only
	UPDATE=1 $(CARGO) test $(FLAGS) --test generated
	$(CARGO) run --quiet $(FLAGS) --bin claimsift -- rules lock

check: ## formatting and lints
	$(CARGO) fmt --check
	@if $(CARGO) clippy --version >/dev/null 2>&1; then \
	  $(CARGO) clippy $(FLAGS) --all-targets; \
	else \
	  echo 'clippy is not installed; add it with: rustup component add clippy'; \
	fi
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
	  $(CARGO) deny --locked check; \
	else \
	  echo 'cargo-deny is not installed; licences and advisories were not looked at'; \
	fi
