# ./dev test: every suite against a developer build, and the sum of what passed.
#
# Suites: unit (make check: cmocka programs), lint (the checks in tools/lint-*, and warnings of clang), install (make install), one for each
# folder of tests/ that holds *.test.mjs, dist (make distcheck), sanitize (unit and the fast suites under ASan and UBSan).
# shellcheck shell=bash

passed=0 failed=0 left_out=0 broken= sanitized=

node_suites() { for d in tests/*/; do ls "$d"*.test.mjs >/dev/null 2>&1 && basename "$d"; done; }

dev_test() {
    local yes=1 sanitize= suite begun suites=()
    while [ $# -gt 0 ]; do
        case $1 in
        --sanitize=*) sanitize=${1#*=} ;;
        --yes) ;;
        -*) die "./dev test does not know $1 (it knows --sanitize=address,undefined, --sanitize=thread, and names of suites)" ;;
        *) suites+=("$1") ;;
        esac
        shift
    done
    [ ${#suites[@]} -gt 0 ] || mapfile -t suites < <(default_suites "$sanitize")
    set_places "${DEV_VAR:-$top/var}"
    make_places
    need_space "$var" 500
    begun=$(now_ms)
    for suite in "${suites[@]}"; do known_suite "$suite" || die "no suite is named $suite; there are: unit lint install dist sanitize $(node_suites | xargs)"; done
    step_total=$((3 + ${#suites[@]}))
    prepare_test "$sanitize"
    for suite in "${suites[@]}"; do
        step "$suite"
        run_suite "$suite"
    done
    step_done
    [ -z "$broken" ] || printf 'failed:%s\n' "$broken"
    say "all suites took $(took "$begun")"
    say "$passed passed, $failed failed"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}

default_suites() { # SANITIZE
    echo unit
    [ -n "$1" ] || printf '%s\n' lint install
    node_suites
    [ -n "$1" ] || printf '%s\n' dist sanitize
}

known_suite() {
    case $1 in unit | lint | install | dist | sanitize) return 0 ;; esac
    ls tests/"$1"/*.test.mjs >/dev/null 2>&1
}

# Packages, npm's part, a developer build.
prepare_test() { # SANITIZE
    step "packages"
    ensure_packages "$PACKAGES_RUN" "$PACKAGES_PAGES" "$PACKAGES_TEST"
    step "parts from npm"
    npm_parts
    vendor_parts
    make_locale
    step "build${1:+ with -fsanitize=$1}"
    test_build=$(test_build_dir "$1")
    sanitized=$1
    build_for_test "$1"
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

build_for_test() { # SANITIZE
    if [ -n "$1" ]; then
        configure_build "$test_build" --enable-developer "--enable-sanitizers=$1" CFLAGS="-g -O1"
    else
        configure_build "$test_build" --enable-developer
    fi
    if ! { make -C "$test_build" -j"$(jobs)" all && make -C "$test_build" -j"$(jobs)" check-programs; } >"$log/build-test.log" 2>&1 </dev/null; then
        end_line
        show_log_end "$log/build-test.log"
        say "the build failed (all of it: $log/build-test.log)"
        say "0 passed, 1 failed"
        exit 1
    fi
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

run_suite() { # NAME
    local p=$passed f=$failed # the suites count on
    suite_log=$log/test-$1.log
    case $1 in
    unit) suite_unit ;;
    lint) suite_lint ;;
    install) suite_install ;;
    dist) suite_dist ;;
    sanitize) suite_sanitize ;;
    *) suite_node "$1" ;;
    esac
    step_done "$((passed - p)) passed$([ $failed = "$f" ] || echo ", $((failed - f)) FAILED")$(
        [ "$left_out" = 0 ] || echo ", $left_out run by the plain build alone")"
    left_out=0
    [ $failed = "$f" ] || broken="$broken
    $1: $suite_log"
}

sanitizer_env() {
    echo "ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1:allocator_may_return_null=1" \
        "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1" \
        "TSAN_OPTIONS=second_deadlock_stack=1:suppressions=$top/tests/tsan.supp" \
        "LSAN_OPTIONS=suppressions=$top/tests/lsan.supp"
}

# ---- unit: make check; a cmocka program counts its tests, any other check counts as one ----

suite_unit() {
    find "$test_build" -name '*.trs' -delete
    # shellcheck disable=SC2046
    env LOCPATH="$var/locale" PARLEY_TEST_STRICT=1 CMOCKA_MESSAGE_OUTPUT=tap $(sanitizer_env) make -C "$test_build" -j"$(jobs)" -k check >"$suite_log" 2>&1 </dev/null
    local rc=$? counts
    counts=$(find "$test_build" -name '*.trs' -exec cat {} + | grep -c ':global-test-result:')
    if [ "$counts" = 0 ]; then
        [ $rc = 0 ] || { failed=$((failed + 1)); end_line; show_log_end "$suite_log"; }
        return
    fi
    count_checks
    [ $rc = 0 ] || [ "$check_failed" -gt 0 ] || { failed=$((failed + 1)); end_line; show_log_end "$suite_log"; }
}

count_checks() {
    local trs one result ok bad plan skipped
    check_failed=0
    while read -r trs; do
        one=${trs%.trs}.log
        result=$(sed -n 's/^:test-result: //p' "$trs" | head -n 1)
        ok=$(grep -c '^ok [0-9]' "$one")
        skipped=$(grep -cE '^(not )?ok [0-9]+ # SKIP' "$one")
        bad=$(grep -c '^not ok [0-9]' "$one")
        plan=$(sed -n 's/^1\.\.\([0-9][0-9]*\)$/\1/p' "$one" | awk '{n += $1} END {print n + 0}')
        if [ "$plan" = 0 ]; then
            if [ "$result" = PASS ]; then ok=1 bad=0; else ok=0 bad=1; fi
        else
            if [ -n "$sanitized" ]; then # those that fail allocations need malloc for themselves; the plain build runs them
                bad=$((bad - skipped)) plan=$((plan - skipped)) left_out=$((left_out + skipped))
            fi
            [ $((ok + bad)) -ge "$plan" ] || bad=$((plan - ok)) # it ended before its last test
            [ "$result" = PASS ] || [ "$bad" -gt 0 ] || bad=1   # all passed, and then: a leak, a crash at exit
        fi
        passed=$((passed + ok)) failed=$((failed + bad)) check_failed=$((check_failed + bad))
        if [ "$bad" -gt 0 ]; then
            end_line
            { grep -E -A4 '^not ok|ERROR: |runtime error|WARNING: ThreadSan|SUMMARY' "$one" || tail -n 15 "$one"; } | head -n 30 | sed 's/^/    /'
            say "    $bad failed in $one"
        fi
    done < <(find "$test_build" -name '*.trs' | sort)
}

# ---- lint: one each ----

suite_lint() {
    : >"$suite_log"
    local check
    for check in tools/lint-*; do
        [ -x "$check" ] && one_check "$check" "$check"
    done
    one_check "no warning from clang" clang_warnings
    one_check "no registry host, no lock on one" no_registry_hosts
    one_check "shell scripts parse" shell_parses
}

one_check() { # NAME COMMAND...
    local name=$1 out
    shift
    if out=$("$@" 2>&1); then
        passed=$((passed + 1))
        printf 'ok %s\n%s\n' "$name" "$out" >>"$suite_log"
    else
        failed=$((failed + 1))
        printf 'not ok %s\n%s\n' "$name" "$out" >>"$suite_log"
        end_line
        say "    not ok: $name"
        printf '%s\n' "$out" | tail -n 12 | cut -c1-300 | sed 's/^/      /'
    fi
}

clang_warnings() {
    (
        test_build=$top/var/build-clang CC=clang
        export CC
        configure_build "$test_build" --enable-developer || exit 1
        make -C "$test_build" -j"$(jobs)" all CFLAGS=-O0
    )
}

no_registry_hosts() { ! grep -nE '"resolved"|registry\.[a-z]+\.(org|com)' package-lock.json package.json .npmrc; }

shell_parses() {
    local file
    for file in dev tools/dev/*.sh tools/dev/apt-install .ci/run; do bash -n "$file" || return 1; done
    sh -n tools/vendor
}

# ---- install: make install and uninstall into a folder of its own ----

suite_install() {
    : >"$suite_log"
    local dest=$var/test-install file
    rm -rf "$dest"
    one_check "make install" make -C "$test_build" install DESTDIR="$dest"
    for file in usr/local/bin/parley usr/local/libexec/parley/portal.fcgi usr/local/libexec/parley/api.fcgi \
        usr/local/libexec/parley/chat.fcgi usr/local/libexec/parley/hooks.fcgi usr/local/share/parley/htdocs/vendor/tabler.min.css \
        usr/local/share/parley/sql/0001_tenant.sql usr/local/share/parley/templates/layout \
        usr/local/share/parley/etc/lighttpd.conf usr/local/share/parley/etc/apache.conf usr/local/share/parley/etc/htaccess usr/local/share/parley/etc/parley.conf usr/local/lib/systemd/system/parley.service \
        usr/local/libexec/parley/parley-worker usr/local/share/parley/flow-templates/faq.json usr/local/share/parley/htdocs/schema/flow-1.json \
        usr/local/share/man/man8/parley.8 usr/local/share/man/man8/parley.fcgi.8 usr/local/share/man/man8/parley-worker.8 \
        usr/local/share/man/man5/parley.conf.5; do
        one_check "installs $file" test -e "$dest/$file"
    done
    one_check "no placeholder is left" no_placeholder "$dest"
    one_check "every command and setting is in its manual page" manual_is_whole "$dest/usr/local/share/man"
    one_check "configure names every missing library" names_missing_libraries
    one_check "make uninstall" make -C "$test_build" uninstall DESTDIR="$dest"
    one_check "uninstall leaves no file" nothing_in "$dest"
    rm -rf "$dest"
}
no_placeholder() { ! grep -rnE '@[A-Za-z_]+@' "$1"/usr/local/share/parley/etc "$1"/usr/local/lib/systemd "$1"/usr/local/share/man; }
manual_is_whole() { # FOLDER: the pages are made from the program's own words; a row they lose is seen here
    local name missing=
    while read -r name; do grep -qE "^\.B parley $name( |\$)" "$1/man8/parley.8" || missing="$missing parley $name;"; done < <(
        sed -n 's/^COMMAND("\([^"]*\)".*/\1/p' src/cli/commands.def)
    while read -r name; do grep -qxF ".B $name" "$1/man5/parley.conf.5" || missing="$missing $name;"; done < <(
        sed -n 's/^CONFIG(\([a-z_]*\),.*/\1/p' src/base/config.def)
    [ -z "$missing" ] || { echo "not in the manual:$missing"; return 1; }
}
names_missing_libraries() {
    local dir=$var/test-configure out package
    rm -rf "$dir" && mkdir -p "$dir"
    out=$(cd "$dir" && PKG_CONFIG_LIBDIR=/nonexistent ac_cv_header_fcgiapp_h=no ac_cv_header_libstemmer_h=no \
        ac_cv_header_ClearSilver_ClearSilver_h=no "$top/configure" --quiet 2>&1 </dev/null) && { echo "configure was content"; return 1; }
    rm -rf "$dir"
    for package in libmariadb-dev libcurl4-openssl-dev libjson-c-dev libsodium-dev libpcre2-dev libfcgi-dev libstemmer-dev clearsilver-dev; do
        [[ $out == *"(Debian: "*"$package"* ]] || { echo "$package is not named: $out"; return 1; }
    done
}
nothing_in() { [ -z "$(find "$1" -type f)" ] || { find "$1" -type f; return 1; }; }

suite_dist() {
    : >"$suite_log"
    # what it shows is that the archive is whole; the optimised build was tested before
    one_check "make distcheck" make -C "$test_build" -j"$(jobs)" distcheck DISTCHECK_CONFIGURE_FLAGS="CFLAGS=-O0"
}

# ---- node: end-to-end suites on private installs, as many files at a time as there are processors: they wait more than they compute ----

suite_node() { # NAME
    # shellcheck disable=SC2046
    env $(sanitizer_env) DEV_BUILD="$test_build" "$node" --test --test-concurrency="$(jobs)" --test-timeout=600000 \
        --test-reporter=tap tests/"$1"/*.test.mjs >"$suite_log" 2>&1 </dev/null
    local rc=$? ok bad
    ok=$(sed -n 's/^# pass //p' "$suite_log" | tail -n 1)
    bad=$(sed -n 's/^# \(fail\|cancelled\|skipped\|todo\) //p' "$suite_log" | awk '{n += $1} END {print n + 0}')
    [ $rc = 0 ] || [ "$bad" -gt 0 ] || bad=1
    [ "${ok:-0}" -gt 0 ] || [ "$bad" -gt 0 ] || bad=1
    passed=$((passed + ${ok:-0})) failed=$((failed + bad))
    [ "$bad" = 0 ] || { end_line; show_node_failures; }
}

show_node_failures() {
    awk '/^ *not ok /  {print; keep = 25; next} keep > 0 {keep--; if ($0 !~ /duration_ms|type:|location:|^ *\.\.\.|stack:/) print}' "$suite_log" |
        head -n 60 | cut -c1-300 | sed 's/^/    /'
    grep -qE '^ *not ok ' "$suite_log" || tail -n 20 "$suite_log" | cut -c1-300 | sed 's/^/    /'
}

# ---- sanitize: the unit tests and the suites that talk, under ASan and UBSan ----

suite_sanitize() {
    local plain=$test_build first=$suite_log name
    sanitized=address,undefined
    test_build=$(test_build_dir address,undefined)
    build_for_test address,undefined
    suite_log=$log/test-sanitize-unit.log
    suite_unit
    for name in http talk; do
        known_suite $name || continue
        suite_log=$log/test-sanitize-$name.log
        suite_node $name
    done
    suite_log=$first
    cat "$log"/test-sanitize-*.log >"$suite_log"
    test_build=$plain sanitized=
}

# ---- bench, fuzz ----

dev_bench() { # [billing] [SECONDS]
    local yes=1 which=bench
    if [ "${1:-}" = billing ]; then which=billing; shift; fi
    case ${1:-8} in *[!0-9]*) die "./dev bench does not know $1 (it knows billing, and how many seconds each row takes)" ;; esac
    set_places "${DEV_VAR:-$top/var}"
    make_places
    ls tests/bench/*.mjs >/dev/null 2>&1 || die "tests/bench is not here"
    ensure_packages "$PACKAGES_RUN" "$PACKAGES_PAGES" "$PACKAGES_TEST"
    npm_parts
    vendor_parts
    configure_build "$build"
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
