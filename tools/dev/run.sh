# ./dev run, stop, status, reload, parley.
# shellcheck shell=bash

dev_run() {
    local yes= detach= port= where=${DEV_VAR:-$top/var} option
    while [ $# -gt 0 ]; do
        option=$1
        shift
        case $option in
        --yes | -y) yes=1 ;;
        --detach | -d) detach=1 ;;
        --port) [ $# -gt 0 ] || die "--port wants a number"; port=$1; shift ;;
        --port=*) port=${option#*=} ;;
        --var) [ $# -gt 0 ] || die "--var wants a folder"; where=$1; shift ;;
        --var=*) where=${option#*=} ;;
        --help | -h) usage; exit 0 ;;
        *) die "./dev run does not know $option (it knows --yes --detach --port N --var DIR)" ;;
        esac
    done
    set_places "$where"
    already_running && return 0
    make_places
    exec 9>"$var/.lock" || die "cannot write $var/.lock"
    if ! flock -n 9; then
        say "another ./dev run works on $var: waiting for it"
        flock 9
        already_running && return 0
    fi
    # A part that still runs keeps its port, and the rest joins it.
    [ -n "$port" ] || port=$(setting base_url | sed 's/.*://')
    port=${port:-8080}
    web_pid >/dev/null && [ "$(setting base_url)" = "http://127.0.0.1:$port" ] || check_port "$port"
    trap 'end_line; undo_start' EXIT
    trap 'exit 130' INT TERM HUP
    bring_up "$port"
    trap - EXIT
    exec 9>&-
    report "$port"
    if [ -n "$detach" ]; then
        say "  stop it:   $(from_here)./dev stop"
        return 0
    fi
    stay "$port"
}

bring_up() { # PORT: the nine steps
    local begun
    begun=$(now_ms)
    step_total=9
    step "packages"
    if tools/vendor --check; then ensure_packages "$PACKAGES_RUN"; else ensure_packages "$PACKAGES_RUN" "$PACKAGES_PAGES"; fi
    step "parts of the pages from npm"
    vendor_parts
    step "configure"
    [ -e "$build/config.status" ] || need_space "$top" 300
    [ -n "${DEV_BUILD:-}" ] || configure_build "$build"
    step "build"
    make_in "$build" build "the build failed" all
    step "database"
    write_config "$1"
    create_database
    start_database
    step "schema"
    migrate
    step "programs and web server"
    start_programs
    start_web "$1"
    step "demo workspace and bot"
    make_demo "$1"
    step "a first conversation"
    hold_conversation "$1"
    step_done
    say "Ready after $(took "$begun")."
}

migrate() {
    parley migrate >"$log/migrate.log" 2>&1 && return 0
    end_line
    die "$(tail -n 1 "$log/migrate.log" | sed 's/^parley: //')"
}

# Everything up: say so. Something down: say what, and let the caller start it.
already_running() {
    local url web="" serve="" base=""
    url=$(setting base_url)
    [ -n "$url" ] || return 1
    web=$(web_pid)
    serve=$(serve_pid)
    base=$(database_pid)
    [ -n "$web$serve$base" ] || return 1
    if [ -n "$web" ] && [ -n "$serve" ] && [ -n "$base" ] && [ -e "$var/demo.json" ] && http_up "${url##*:}" readyz; then
        say "Parley is running already: $url"
        [ "$(env | grep '^PARLEY_' | sort)" = "$(cat "$run/environment" 2>/dev/null)" ] ||
            say "(with the PARLEY_ settings of its own start: ./dev stop first for others)"
        say "  sign in:   $(demo email)  $(demo password)"
        say "  stop it:   $(from_here)./dev stop"
        return 0
    fi
    [ -n "$base" ] || say "the database has stopped: starting it again"
    [ -n "$serve" ] || say "the programs have stopped: starting them again"
    [ -n "$web" ] || say "the web server has stopped: starting it again"
    return 1
}

# Until Ctrl-C: start again what dies.
stay() { # PORT
    say "  Ctrl-C stops it; the data stays in $var"
    local asked=
    trap 'stop_stack' EXIT
    trap 'asked=1' INT TERM HUP
    while [ -z "$asked" ]; do
        sleep 1 &
        wait $! 2>/dev/null
        [ -z "$asked" ] || break
        [ -e "$run/environment" ] || { trap - EXIT INT TERM HUP; say "stopped by ./dev stop"; return 0; }
        revive "$1"
    done
    trap '' INT
    echo
    printf 'stopping … '
    stop_stack
    say "stopped: $stopped. The data stays in $var."
    trap - EXIT INT TERM HUP
}

watched_database= watched_serve= watched_web=

# Looks up a pid only when the one it knows has gone.
revive() { # PORT
    if ! alive "$watched_database" && ! watched_database=$(database_pid); then
        warn "the database stopped: starting it again ($log/mariadb.log)"
        start_database
    fi
    if ! alive "$watched_serve" && ! watched_serve=$(serve_pid); then
        warn "the programs stopped: starting them again ($log/parley.log)"
        start_programs
    fi
    if ! alive "$watched_web" && ! watched_web=$(web_pid); then
        warn "the web server stopped: starting it again ($log/lighttpd.log)"
        start_web "$1"
    fi
}

parse_var() { # --var DIR, for the small commands
    local where=${DEV_VAR:-$top/var}
    case ${1:-} in
    --var) where=${2:?--var wants a folder} ;;
    --var=*) where=${1#*=} ;;
    --help | -h) usage; exit 0 ;;
    '') ;;
    *) die "unknown: $1 (only --var DIR)" ;;
    esac
    [ -d "$where" ] || { say "Nothing has run in $where yet."; exit 0; }
    set_places "$where"
}

dev_stop() {
    parse_var "$@"
    stop_stack
    if [ -n "$stopped" ]; then say "stopped: $stopped. The data stays in $var."; else say "Nothing was running in $var."; fi
}

dev_status() {
    parse_var "$@"
    local pid down=
    for part in database serve web; do
        if pid=$(${part}_pid); then say "$part: running (pid $pid)"; else say "$part: stopped"; down=1; fi
    done
    [ -z "$down" ] || return 3
    say "$(setting base_url)"
}

# Settings marked "reload" take effect; a file with a mistake is named, and nothing changes.
dev_reload() {
    parse_var "$@"
    local pid words
    pid=$(serve_pid) || die "nothing runs in $var: $(from_here)./dev run"
    words=$(join_environment; parley config 2>&1 >/dev/null) || die "${words#parley: }"
    kill -HUP "$pid" || die "cannot tell the programs (pid $pid)"
    say "the programs read their settings again"
}

# What stands before ./dev so that it finds this install: nothing, or its folder.
from_here() { [ "$var" = "$(cd "${DEV_VAR:-$top/var}" 2>/dev/null && pwd -P)" ] || printf 'DEV_VAR=%q ' "$var"; }

# The settings that the running programs were started with are the install's, unless this call brings its own.
join_environment() {
    local line name
    while IFS= read -r line; do
        name=${line%%=*}
        [[ $name =~ ^PARLEY_[A-Z0-9_]+$ ]] && [ -z "${!name+set}" ] && export "${line?}"
    done < <(cat "$run/environment" 2>/dev/null)
    return 0
}

dev_parley() {
    set_places "${DEV_VAR:-$top/var}"
    [ -x "$build/parley" ] && [ -e "$conf" ] || die "nothing is installed in $var yet: ./dev run"
    join_environment
    PARLEY_TENANT=${PARLEY_TENANT-$(demo workspace)} exec "$build/parley" --config "$conf" "$@"
}
