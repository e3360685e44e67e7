# The fixed entry points. Run them as `./dev <recipe>`, which installs what is missing first.

record := justfile_directory() / ".souk/test/record"

# from nothing to a running, filled shop, and what to try in it
demo:
    cargo run --release -p souk -- dev demo

# start servers and mesh in the background; with roles, each in a process of its own
up *roles:
    cargo run --release -p souk -- dev up {{ roles }}

# stop what `up` and the tests started
down:
    cargo run --release -p souk -- dev down

# every test against real servers, then: was everything in the contract tested?
test:
    rm -rf "{{ record }}"
    SOUK_TEST_RECORD="{{ record }}" cargo test --workspace --no-fail-fast
    SOUK_TEST_RECORD="{{ record }}" SOUK_TEST_COMPLETE=1 cargo test --workspace --test completeness -- --nocapture

# format, clippy, contract: its style, and that it breaks nobody who was generated from what main has
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    buf lint
    buf breaking --against ".git#branch=main"

# figures against their floors: `bench events`, `bench events --quick`
bench *args:
    cargo run --release -p bench -- {{ args }}

# a full run of the faults that the tests do in short: b01 b02 b03 b04 b07 b08 b09 b11 b13 b33 lost network, with `--seed <n>` the same again
faults name *args:
    cargo run --release -p faults -- run {{ name }} {{ args }}

# how long a written change takes to be searchable: in an empty mesh that `./dev up` serves, with SOUK_DATA set
freshness:
    cargo run --release -p bench -- freshness

# rewrite what is generated and committed
gen:
    cargo run -p souk -- dev gen
