# kefu: set up, run, test, check. Everything is also plain cargo; see README.md.
# Queries are checked against the committed .sqlx folders unless `make sqlx` refreshes them.

export CARGO_TERM_COLOR := never
export NO_COLOR := 1
export SQLX_OFFLINE := true

TARGET = $(or $(CARGO_TARGET_DIR),target)
TOOLS = $(abspath $(TARGET))/tools
BUF = @bufbuild/buf@1.75.0
MACHETE = 0.9.2
# Out of the workspace, with its own lock file: nothing else builds the peers.
PEERS = cargo run --release --locked --manifest-path tests/peers/Cargo.toml --target-dir $(TARGET)/peers

.PHONY: help setup run test check bench bench-decision bench-gateway bench-search bench-tickets bench-stages bench-figures alerts-check check-s3 check-transit check-figures check-incidents check-orders upgrade-check k8s-check image sqlx clean-data client-python client-typescript client-test browser-test json-test reference docs-test

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1 @\2/p' $(MAKEFILE_LIST) | column -t -s @ 2>/dev/null \
	  || grep '##' $(MAKEFILE_LIST)

setup: ## check what the machine needs, and install PostgreSQL where it is missing
	@sh .ci/setup

run: setup ## build the suite and run it in one process, with a private PostgreSQL and a seeded company
	cargo build --workspace --bin kefu
	@exec $(TARGET)/debug/kefu dev

test: setup ## run all tests against a private PostgreSQL, or the server KEFU_DATABASE_URL names
	@sh .ci/test

check: ## formatting, lints, unused dependencies, contracts
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@test -x $(TOOLS)/bin/cargo-machete \
	  || cargo install --locked --debug --root $(TOOLS) cargo-machete@$(MACHETE)
	$(TOOLS)/bin/cargo-machete
	@if command -v npx >/dev/null; then \
	  echo "npx --yes $(BUF) lint"; npx --yes $(BUF) lint; \
	else \
	  echo "buf lint: skipped, there is no npx here (install Node.js to have the contracts checked)"; \
	fi

client-python: ## build the Python client, a wheel in target/clients/python/dist
	@python3 .ci/clients python

client-typescript: ## build the TypeScript client, an npm package in target/clients/typescript
	@python3 .ci/clients typescript

client-test: setup client-python ## run the clients' examples against a suite, TypeScript's where there is Node.js (a binary that is there: KEFU=…)
	@test -n "$(KEFU)" || cargo build --workspace --bin kefu
	@python3 .ci/clients test $(or $(KEFU),$(TARGET)/debug/kefu)

reference: ## write the API reference in docs/reference, from the contracts, roles and services
	cargo run --quiet -p kefu-reference

docs-test: setup client-python ## run the examples in the documents against a suite (a binary that is there: KEFU=…)
	@test -n "$(KEFU)" || cargo build --workspace --bin kefu
	@python3 .ci/docs $(or $(KEFU),$(TARGET)/debug/kefu)

browser-test: setup client-typescript ## work at the example's page in a real Chromium (a binary that is there: KEFU=…)
	@test -n "$(KEFU)" || cargo build --workspace --bin kefu
	@python3 .ci/clients browser $(or $(KEFU),$(TARGET)/debug/kefu)

json-test: setup ## hold JSON over HTTP against its OpenAPI document, with schemathesis and curl (a binary that is there: KEFU=…)
	@test -n "$(KEFU)" || cargo build --workspace --bin kefu
	@python3 .ci/clients json $(or $(KEFU),$(TARGET)/debug/kefu)

bench: ## measure the suite, built for release
	cargo run --release -p kefu-tests --bin bench
	@$(MAKE) --no-print-directory bench-decision bench-gateway bench-search bench-tickets bench-stages bench-figures

bench-decision: ## measure the decision core beside Cedar, regorus and Casbin
	@$(PEERS) --bin decision

bench-gateway: ## measure the gateway beside bare tonic, nginx and Envoy
	@set -a; eval "$$(sh .ci/peers $(TARGET)/bench-peers)"; $(PEERS) --bin gateway

bench-search: ## measure searches over a million customers (fewer: make bench-search N=100000; some: ONLY=tag)
	cargo run --release -p kefu-tests --bin bench -- search $(N) $(ONLY)

alerts-check: ## check and try out the alert rules and the dashboards' questions with promtool
	@python3 .ci/alerts

check-s3: setup ## run the test of files in a bucket beside moto, which speaks S3
	python3 .ci/s3

check-transit: ## run the tests of keys in transit against a server of OpenBao
	python3 .ci/transit

upgrade-check: ## hold contracts, migrations and schema against the last release (or: make upgrade-check FROM=COMMIT)
	@sh .ci/upgrade $(FROM)

k8s-check: ## hold k8s/ against the schemas of Kubernetes, what pods have to be, and who may call whom
	@sh .ci/k8s-check

image: ## build the image, kefu:VERSION, with Docker or else buildah (a binary that is there: BINARY=…)
	@sh .ci/image $(BINARY)

check-incidents: ## hold imported incidents against their log: make check-incidents LOG=…/incidents.csv
	python3 tests/import/check_incidents.py $(LOG) --kefu $(TARGET)/debug/kefu

check-orders: ## hold imported orders against the data they came from: make check-orders OLIST=…/olist
	python3 tests/import/check_orders.py $(OLIST) --kefu $(TARGET)/debug/kefu

check-figures: ## hold figures over imported records against the data they came from: make check-figures OLIST=…/olist LOG=…/incidents.csv
	python3 tests/import/check_figures.py $(OLIST) $(LOG) --kefu $(TARGET)/debug/kefu

bench-tickets: ## measure searches over 200,000 tickets with four million messages (fewer: make bench-tickets N=5000; some: ONLY=rare)
	cargo run --release -p kefu-tests --bin bench -- tickets $(N) $(ONLY)

bench-stages: ## measure stage events in bulk beside pgbench (fewer orders: make bench-stages N=1000)
	cargo run --release -p kefu-tests --bin bench -- stages $(N)

bench-figures: ## measure the intake of journals, and reports over 200,000 tickets and a million orders (fewer: make bench-figures N=5000)
	cargo run --release -p kefu-tests --bin bench -- figures $(N)

sqlx: setup ## refresh the committed query data of all services, or of one: make sqlx P=ticket
	@sh .ci/sqlx $(P)

clean-data: ## end the private PostgreSQL of `make run` and delete .kefu with all its data
	@if test -d .kefu/postgres; then \
	  cargo build --quiet -p kefu-postgres && $(TARGET)/debug/kefu-postgres delete .kefu/postgres; \
	fi
	rm -rf .kefu
