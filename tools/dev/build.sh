# Building, out of tree.
# shellcheck shell=bash

jobs() { nproc 2>/dev/null || echo 2; }

# A build folder that make keeps up to date. autoreconf and configure run once; make runs them again when they must.
configure_build() { # DIR OPTION...
    local dir=$1 options
    shift
    options="$* CC=${CC:-}"
    case $top in *[[:space:]]*) die "the path of this checkout holds a space, which make cannot build in: $top" ;; esac
    mkdir -p "$dir" "$log" 2>/dev/null || die "cannot make the folder $dir: $(why_not_writable "$dir")"
    if [ ! -e configure ] || [ ! -e Makefile.in ] || [ ! -e build-aux/install-sh ]; then
        logged "$log/autoreconf.log" "autoreconf failed" autoreconf -i
    fi
    if [ ! -e "$dir/config.status" ] || [ "$(cat "$dir/options" 2>/dev/null)" != "$options" ]; then
        (cd "$dir" && exec "$top/configure" --prefix=/usr/local --sysconfdir=/etc --quiet "$@") >"$log/configure.log" 2>&1 </dev/null ||
            { fail_configure "$dir"; }
        echo "$options" >"$dir/options"
    fi
}

fail_configure() {
    end_line
    sed -n '/these libraries are missing/,$p; /error:/p' "$log/configure.log" | head -n 20 | sed 's/^/    /' >&2
    die "configure failed (all of it: $log/configure.log and $1/config.log)"
}

make_in() { # DIR LOGNAME SENTENCE TARGET...
    local dir=$1 name=$2 sentence=$3
    shift 3
    logged "$log/$name.log" "$sentence" make -C "$dir" -j"$(jobs)" "$@"
}

vendor_parts() {
    if ! tools/vendor --check 2>/dev/null; then
        ensure_packages "$PACKAGES_PAGES"
        logged "$log/vendor.log" "npm could not fetch what the pages need: is this machine on the network?" tools/vendor
    fi
}

dev_build() {
    set_places "${DEV_VAR:-$top/var}"
    make_places
    yes=${yes:-}
    ensure_packages "$PACKAGES_RUN"
    vendor_parts
    configure_build "$top/var/build" "$@"
    make_in "$top/var/build" build "the build failed" all
    say "built in $top/var/build"
}

dev_lint() {
    dev_test lint "$@"
}

dev_fmt() {
    set_places "${DEV_VAR:-$top/var}"
    ensure_packages 'clang-format cmd:clang-format'
    git ls-files '*.c' '*.h' | xargs clang-format -i && git status --short
}
