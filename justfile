# The fixed entry points. Run them as `./dev <recipe>`, which installs what is missing first.

record := justfile_directory() / ".souk/test/record"
log := justfile_directory() / ".souk/test/log"
report := justfile_directory() / "target/nextest/default/junit.xml"

# start everything, fill the shop, and print commands to try
demo:
    #!/usr/bin/env bash
    set -euo pipefail
    echo "demo: building; the first time takes some minutes"
    cargo build --profile fast -p souk
    echo "demo: built after $SECONDS s"
    cargo run --quiet --profile fast -p souk -- dev demo
    echo "demo: took $SECONDS s in all"

# start servers and mesh in the background; with roles, each in a process of its own
up *roles:
    cargo run --profile fast -p souk -- dev up {{ roles }}

# stop what `up` and the tests started
down:
    cargo run --quiet --profile fast -p souk -- dev down

# run all tests against real servers, then check that they cover the whole contract; the fault tier only with `--all`, or if what it tests has changed
test *args:
    #!/usr/bin/env bash
    set -euo pipefail
    export SOUK_TEST_RECORD="{{ record }}"
    rm -rf "$SOUK_TEST_RECORD"
    mkdir -p "$(dirname "{{ log }}")"
    # What the fault tier depends on; a full run of it writes the digest down.
    digest=$(git ls-files -z --cached --others --exclude-standard libs/bus libs/pg libs/fault tests/faults ':!tests/faults/passed' |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
    only=()
    if [[ "{{ args }}" != --all && "$(cat tests/faults/passed)" == "$digest" ]]; then
        echo "test: without the fault tier, which passed with libs/bus, libs/pg and libs/fault as they are (--all runs it)"
        only=(-E 'not (package(faults) and kind(test))')
    fi
    # Tests mostly wait for servers.
    cargo nextest run --workspace "${only[@]}" --test-threads $(($(nproc) * 3)) 2>&1 | tee "{{ log }}"
    # A test case of the report: <testcase name="it" classname="pg::it" timestamp="…" time="1.234">
    cases=$(sed -n 's/.*<testcase name="\([^"]*\)" classname="\([^":]*\)[^"]*".* time="\([0-9.]*\)".*/\3 \2 \1/p' "{{ report }}")
    # Of the workspace, though only two crates have some: of fewer crates others' features would be other ones, and compiled again.
    cargo test --doc --workspace
    SOUK_TEST_COMPLETE=1 cargo nextest run --workspace --test completeness
    ((${#only[@]})) || echo "$digest" >tests/faults/passed
    echo "test: seconds of tests by crate:" $(awk '{ sum[$2] += $1 } END { for (crate in sum) printf "%.0f %s\n", sum[crate], crate }' <<<"$cases" | sort -rn | awk '{ print $2, $1 ";" }')
    echo "test: the ten slowest, in seconds:"
    sort -rn <<<"$cases" | sed -n 1,10p
    # The last line counts all tests, not those of the last command.
    grep '^ *Summary' "{{ log }}"

# check format, clippy, the style of the contract, and that it is compatible with that of main
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    buf lint
    buf breaking --against ".git#branch=main"

# run benchmarks and compare them with their minimum: `bench calls [workload]… [--json]`, `bench import`, `bench events`, `bench analytics`, `bench gateway`, `bench stock`, `bench databases`, `bench stack`, each also with `--quick`
bench *args:
    #!/usr/bin/env bash
    set -euo pipefail
    # The bench is one caller that calls as often as it can. Limits stay in force, since they cost something, but out of reach.
    for method in CATALOG_{GET_PRODUCT,LIST_PRODUCTS,IMPORT_PRODUCTS} PRICING_{GET_PRICE,BATCH_GET_PRICES,SET_PRICE,BULK_SET_PRICES} SEARCH_SEARCH_PRODUCTS WAREHOUSE_{RESERVE,UPDATE_STOCK}; do
        export "SOUK_RATE_LIMIT_PER_MINUTE_$method=60000000"
    done
    # The gateway counts one caller for all that it calls.
    [[ "{{ args }}" != gateway* ]] || export SOUK_RATE_LIMIT_ENABLED=false
    # Calls are those of the mesh that runs, which is to be built like the bench.
    [[ "{{ args }}" != calls* && "{{ args }}" != import* && "{{ args }}" != gateway* && "{{ args }}" != stock* ]] || cargo run --release -p souk -- dev up
    cargo run --release -p bench -- {{ args }}

# run a fault injection scenario in full, the tests run shorter ones: b01 b02 b03 b04 b07 b08 b09 b11 b13 b33 lost network; `--seed <n>` repeats a run.
# `slots`: floods of calls and connections, each for 10 seconds
faults name *args:
    {{ if name == "slots" { "SOUK_FLOOD_SECONDS=10 cargo nextest run -p souk --no-capture no_flood_stops; exit" } else { "" } }}
    cargo run --release -p faults -- run {{ name }} {{ args }}

# kill replicas under 300 calls a second for so many seconds; the tests do it for 9
channel seconds="30":
    SOUK_CHANNEL_SECONDS={{ seconds }} cargo nextest run -p channel --no-capture killed_replicas

# measure how long a change takes to be searchable, in an empty mesh of `SOUK_RATE_LIMIT_ENABLED=false ./dev up`, with SOUK_DATA set
freshness:
    cargo run --release -p bench -- freshness

# rewrite the generated files that are committed
gen:
    cargo run -p souk -- dev gen
