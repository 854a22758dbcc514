# make demo   builds sigmabus and scans the bundled capture with the built-in rules
# make test   runs every test
# make bench  measures pieces, whole runs and latency, beside peers where they are installed (15 minutes; QUICK=1: 2 minutes);
#             RECORD=FILE keeps the tables
# make fuzz   runs each fuzz target for SECONDS (60); needs cargo-fuzz
# The first two install the libpcap headers when they are missing and that is possible here.

CARGO ?= cargo

.PHONY: demo test lint doc bench fuzz setup install clean

demo: setup
	$(CARGO) build --release --locked
	./target/release/sigmabus scan --format text fixtures/demo/capture.pcap

test: setup
	$(CARGO) test --locked

lint: setup
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) check --locked --no-default-features

doc: setup
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps

bench: setup
	$(CARGO) bench --locked --bench pieces -- $(if $(QUICK),--quick)
	$(CARGO) bench --locked --bench whole -- $(if $(QUICK),--quick) $(if $(RECORD),--record $(abspath $(RECORD)))

SECONDS ?= 60

fuzz: setup
	./scripts/fuzz $(SECONDS)

setup:
	@./scripts/setup

install: setup
	$(CARGO) install --locked --path .

clean:
	$(CARGO) clean
