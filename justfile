# The fixed entry points. Run them as `./dev <recipe>`, which installs what is missing first.

record := justfile_directory() / ".souk/test/record"

# start everything, fill the shop, and print commands to try
demo:
    cargo run --release -p souk -- dev demo

# start servers and mesh in the background; with roles, each in a process of its own
up *roles:
    cargo run --release -p souk -- dev up {{ roles }}

# stop what `up` and the tests started
down:
    cargo run --release -p souk -- dev down

# run all tests against real servers, then check that they cover the whole contract
test:
    rm -rf "{{ record }}"
    SOUK_TEST_RECORD="{{ record }}" cargo test --workspace --no-fail-fast
    SOUK_TEST_RECORD="{{ record }}" SOUK_TEST_COMPLETE=1 cargo test --workspace --test completeness -- --nocapture

# check format, clippy, the style of the contract, and that it is compatible with that of main
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    buf lint
    buf breaking --against ".git#branch=main"

# run benchmarks and compare them with their minimum: `bench events`, `bench events --quick`
bench *args:
    cargo run --release -p bench -- {{ args }}

# run a fault injection scenario in full, the tests run shorter ones: b01 b02 b03 b04 b07 b08 b09 b11 b13 b33 lost network; `--seed <n>` repeats a run
faults name *args:
    cargo run --release -p faults -- run {{ name }} {{ args }}

# measure how long a change takes to be searchable, in an empty mesh of `./dev up`, with SOUK_DATA set
freshness:
    cargo run --release -p bench -- freshness

# rewrite the generated files that are committed
gen:
    cargo run -p souk -- dev gen
