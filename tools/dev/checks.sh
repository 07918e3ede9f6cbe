# The checks of ./dev test that are neither a C program nor a file for node's runner. ./dev check NAME runs one list of them on the build in
# DEV_BUILD and prints TAP, with the time of each.
# shellcheck shell=bash

dev_check() { # lint | tidy | install | dist | sanitized_build
    set_places "${DEV_VAR:-$top/var}"
    test_build=${DEV_BUILD:-$top/var/build-test} checked=0 check_failed=
    case ${1:-} in
    lint | tidy | install | dist | sanitized_build) "check_$1" ;;
    *) die "./dev check takes lint, tidy, install, dist or sanitized_build" ;;
    esac
    [ -z "$check_failed" ]
}

one_check() { # NAME COMMAND...
    local name=$1 begun out result=ok
    shift
    begun=$(now_ms)
    out=$("$@" 2>&1 </dev/null) || result="not ok" check_failed=1
    checked=$((checked + 1))
    printf '%s %d - %s\n  ---\n  duration_ms: %d\n  ...\n' "$result" $checked "$name" $(($(now_ms) - begun))
    [ -z "$out" ] || printf '%s\n' "$out" | if [ "$result" = ok ]; then cat; else tail -n 20; fi | sed 's/^/    # /'
}

# ---- lint: one each ----

check_lint() {
    local check
    for check in tools/lint-*; do
        [ -x "$check" ] && one_check "$check" "$check"
    done
    one_check "the lints of make check, and the tests of the lints" make -C "$test_build" check-local
    one_check "no warning from clang" clang_warnings
    one_check "no registry host, no lock on one" no_registry_hosts
    one_check "shell scripts parse" shell_parses
}

# ---- tidy: what clang-tidy and cppcheck say ----

check_tidy() { one_check "clang-tidy and cppcheck" make -s -C "$test_build" tidy; }

# All sources, by clang's front end alone: gcc generates the code.
clang_warnings() { make -s -C "$test_build" clang-check; }

no_registry_hosts() { ! grep -nE '"resolved"|registry\.[a-z]+\.(org|com)' package-lock.json package.json .npmrc; }

shell_parses() {
    local file
    for file in dev tools/dev/*.sh tools/dev/apt-install .ci/run; do bash -n "$file" || return 1; done
    sh -n tools/vendor
}

# ---- install: make install and uninstall into a folder of its own ----

check_install() {
    local dest=$var/test-install file
    rm -rf "$dest"
    one_check "make install" make -C "$test_build" install DESTDIR="$dest"
    for file in usr/local/bin/parley usr/local/libexec/parley/portal.fcgi usr/local/libexec/parley/api.fcgi \
        usr/local/libexec/parley/chat.fcgi usr/local/libexec/parley/hooks.fcgi usr/local/share/parley/htdocs/vendor/tabler.min.css \
        usr/local/share/parley/sql/0001_tenant.sql usr/local/share/parley/templates/layout \
        usr/local/share/parley/etc/lighttpd.conf usr/local/share/parley/etc/apache.conf usr/local/share/parley/etc/nginx.conf usr/local/share/parley/etc/logrotate \
        usr/local/lib/sysusers.d/parley.conf usr/local/lib/tmpfiles.d/parley.conf usr/local/share/doc/parley/LICENSE usr/local/share/doc/parley/README.md \
        usr/local/share/parley/etc/htaccess usr/local/share/parley/etc/parley.conf usr/local/lib/systemd/system/parley.service \
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
    for package in libmariadb-dev libcurl4-openssl-dev libjson-c-dev libsodium-dev libssl-dev libpcre2-dev libfcgi-dev libstemmer-dev clearsilver-dev; do
        [[ $out == *"(Debian: "*"$package"* ]] || { echo "$package is not named: $out"; return 1; }
    done
}
nothing_in() { [ -z "$(find "$1" -type f)" ] || { find "$1" -type f; return 1; }; }

# ---- dist: the archive is whole, and builds, installs and cleans up from a source folder that nobody may write to ----

check_dist() {
    # The other suites test the optimised build, so this one compiles and packs quickly. Its tests run again, on the unpacked sources.
    one_check "make distcheck" env VERBOSE=1 XZ_OPT=-1 make -C "$test_build" distcheck DISTCHECK_CONFIGURE_FLAGS="'CFLAGS=-O0 -g0'"
}

# ---- the build that the sanitize suite runs on ----

check_sanitized_build() {
    (configure_for_test "$DEV_SANITIZE") && make_all_for_test 1 check-programs 2>&1
}
