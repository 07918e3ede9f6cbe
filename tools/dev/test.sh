# ./dev test: every suite against a developer build, and the sum of what passed.
#
# Suites: unit (cmocka programs), lint (the checks in tools/lint-*, and warnings of clang), install (make install), one for each folder of
# tests/ that holds *.test.mjs, dist (make distcheck), sanitize (unit, http and talk under ASan and UBSan). tools/dev/suites.mjs turns them into
# jobs, and tools/dev/schedule.mjs runs the jobs of all suites together, so that every processor is busy to the end.
# shellcheck shell=bash

node_suites() { for d in tests/*/; do ls "$d"*.test.mjs >/dev/null 2>&1 && basename "$d"; done; }

dev_test() {
    local yes=1 sanitize= changed= suite suites=()
    while [ $# -gt 0 ]; do
        case $1 in
        --sanitize=*) sanitize=${1#*=} ;;
        --changed) changed=--changed ;;
        --yes) ;;
        -*) die "./dev test does not know $1 (it knows --changed, --sanitize=address,undefined, --sanitize=thread, and names of suites)" ;;
        *) suites+=("$1") ;;
        esac
        shift
    done
    [ -z "$changed" ] || [ -z "$sanitize${suites[*]}" ] || die "./dev test --changed chooses the tests itself: name no suite and no sanitizer"
    set_places "${DEV_VAR:-$top/var}"
    make_places
    need_space "$var" 500
    for suite in "${suites[@]}"; do known_suite "$suite" || die "there is no suite \"$suite\"; the suites are: unit lint install dist sanitize $(node_suites | xargs)"; done
    step_total=3
    prepare_test "$sanitize" "${suites[@]}"
    step_done
    # One job more than processors: a test waits for about a third of its time.
    exec "$node" tools/dev/test.mjs --build="$test_build" --sanitize="$sanitize" --var="$var" --slots=$(($(jobs) + 1)) $changed "${suites[@]}"
}

known_suite() {
    case $1 in unit | lint | tidy | install | dist | sanitize) return 0 ;; esac
    ls tests/"$1"/*.test.mjs >/dev/null 2>&1
}

# Packages, the parts from npm, and a developer build. Some suites make their own build, and dist only wants a configured folder.
prepare_test() { # SANITIZE [SUITE...]
    local sanitize=$1
    shift
    step "packages"
    ensure_packages "$PACKAGES_RUN" "$PACKAGES_PAGES" "$PACKAGES_TEST"
    step "parts from npm"
    npm_parts
    vendor_parts
    make_locale
    test_build=$(test_build_dir "$sanitize")
    step "build${sanitize:+ with -fsanitize=$sanitize}"
    if only_in "lint dist sanitize" "$@"; then
        configure_for_test "$sanitize"
    elif [ -n "${changed:-}" ]; then
        build_for_test "" $("$node" tools/dev/changed.mjs)
    else
        build_for_test "$sanitize" check-programs
    fi
}

only_in() { # LIST WORD...: there are words, and all are in the list
    local list=" $1 " word
    shift
    [ $# -gt 0 ] || return 1
    for word in "$@"; do [[ $list == *" $word "* ]] || return 1; done
}

# A locale that writes 1,5: numbers of ours must not follow it. Found through LOCPATH, installed nowhere.
make_locale() {
    [ -e "$var/locale/de_DE.UTF-8/LC_NUMERIC" ] && return 0
    mkdir -p "$var/locale"
    logged "$log/locale.log" "localedef could not make a locale" localedef --no-archive -i de_DE -f UTF-8 "$var/locale/de_DE.UTF-8"
}

test_build_dir() { # SANITIZE
    if [ -n "$1" ]; then echo "$top/var/build-${1//,/-}"; else echo "$top/var/build-test"; fi
}

configure_for_test() { # SANITIZE
    if [ -n "$1" ]; then
        configure_build "$test_build" --enable-developer "--enable-sanitizers=$1" CFLAGS="-g -O1"
    else
        configure_build "$test_build" --enable-developer
    fi
}

build_for_test() { # SANITIZE TARGET...
    configure_for_test "$1"
    shift
    if ! make_all_for_test "$(jobs)" "$@" >"$log/build-test.log" 2>&1 </dev/null; then
        end_line
        show_log_end "$log/build-test.log"
        say "the build failed (all of it: $log/build-test.log)"
        say "0 passed, 1 failed"
        exit 1
    fi
}

# One after the other: "all" runs a make of its own, and two at a time would write to libparley.a together.
make_all_for_test() { # JOBS TARGET...
    local jobs=$1
    shift
    make -C "$test_build" -j"$jobs" all && { [ $# = 0 ] || make -C "$test_build" -j"$jobs" "$@"; }
}

npm_parts() {
    if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ] ||
        [ ! -e node_modules/playwright-core ]; then
        logged "$log/npm.log" "npm could not fetch what the tests need: is this machine on the network?" \
            npm ci --no-progress --loglevel=error
    fi
    node=$(ls "$top"/node_modules/node-linux-*/bin/node 2>/dev/null | head -n 1)
    [ -n "$node" ] && "$node" --version >/dev/null 2>&1 || node=$(command -v node)
}

# ---- bench, fuzz ----

dev_bench() { # [billing|engines] [SECONDS]
    local yes=1 which=bench
    case ${1:-} in billing|engines) which=$1; shift ;; esac
    case ${1:-8} in *[!0-9]*) die "./dev bench does not know $1 (it knows billing, engines, and how many seconds each row takes)" ;; esac
    set_places "${DEV_VAR:-$top/var}"
    make_places
    ls tests/bench/*.mjs >/dev/null 2>&1 || die "tests/bench is not here"
    ensure_packages "$PACKAGES_RUN" "$PACKAGES_PAGES" "$PACKAGES_TEST"
    npm_parts
    vendor_parts
    [ -n "${DEV_BUILD:-}" ] || configure_build "$build"
    make_in "$build" build "the build failed" all
    # apart: two makes would meet in libparley.a
    make_in "$build" build-bench "the build of the yardsticks failed" tests/bench/bare tests/bench/entitle
    DEV_BUILD=$build exec "$node" "tests/bench/$which.mjs" "$@"
}

dev_fuzz() { # [SECONDS] [TARGET...]
    local yes=1 seconds=60 dir=$top/var/build-fuzz target name rc=0
    case ${1:-} in '' | *[!0-9]*) ;; *) seconds=$1; shift ;; esac
    set_places "${DEV_VAR:-$top/var}"
    make_places
    ensure_packages "$PACKAGES_RUN" "$PACKAGES_FUZZ"
    export CC=clang
    configure_build "$dir" --enable-developer --enable-sanitizers=address,undefined --enable-fuzzers
    make_in "$dir" fuzz-build "the build failed" libparley.a
    make_in "$dir" fuzz-build "the build of the fuzzers failed" fuzzers
    for target in "$dir"/tests/fuzz/fuzz_*; do
        [ -x "$target" ] && [ -f "$target" ] || continue
        name=$(basename "$target")
        [ $# = 0 ] || [[ " $* " == *" ${name#fuzz_} "* ]] || continue
        mkdir -p "$var/fuzz/$name"
        printf '%-24s ' "$name"
        if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$var/fuzz/$name-" \
            "$var/fuzz/$name" $([ -d "tests/fuzz/corpus/${name#fuzz_}" ] && echo "tests/fuzz/corpus/${name#fuzz_}") >"$log/$name.log" 2>&1; then
            say "no finding ($(grep -oE 'Done [0-9]+ runs' "$log/$name.log" || echo done))"
        else
            say "FOUND SOMETHING: $log/$name.log"
            rc=1
        fi
    done
    return $rc
}

# A year of 200 workspaces beside the fake Stripe, with faults on both sides; the seed is printed, and makes the same year again.
dev_year() { # [SEED]
    local yes=1
    case ${1:-} in *[!0-9]*) die "./dev year takes a number, the seed" ;; esac
    set_places "${DEV_VAR:-$top/var}"
    make_places
    need_space "$var" 2000
    step_total=4
    prepare_test ""
    step "the year"
    env SEED="${1:-$((RANDOM * 32768 + RANDOM))}" YEAR_TENANTS=200 YEAR_DAYS=365 DEV_BUILD="$test_build" "$node" --test tests/billing/year.test.mjs
}

dev_mutate() { # [--most=N] [--seed=N] [--lines=A-B] [--tests=REGEXP] FILE...
    local yes=1
    set_places "${DEV_VAR:-$top/var}"
    make_places
    need_space "$var" 2000
    ensure_packages "$PACKAGES_RUN" "$PACKAGES_PAGES" "$PACKAGES_TEST"
    npm_parts
    vendor_parts
    make_locale
    exec tests/db/with-mariadb "$node" tools/dev/mutate.mjs --var="$var" "$@" # one server for the C tests of all mutants
}
