# The private install: configuration, database, programs, web server.
# shellcheck shell=bash

build=${DEV_BUILD:-$top/var/build} # DEV_BUILD: one that is configured already, as ./dev test has it

# ---- settings ----

# A line of a config file that another run wrote; empty if none.
setting() { sed -n "s/^$1 = //p" "$conf" 2>/dev/null | head -n 1; }

hex() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

write_config() { # PORT
    if [ ! -e "$etc/secrets.conf" ]; then
        (umask 077 && printf 'secret_key = %s\ndatabase_password = %s\n' "$(hex 32)" "$(hex 16)" >"$etc/secrets.new") &&
            mv "$etc/secrets.new" "$etc/secrets.conf" || die "cannot write $etc/secrets.conf: $(why_not_writable "$etc")"
    fi
    [ -e "$etc/local.conf" ] || echo "# Your own settings for this install; read last. ./dev never changes this file." >"$etc/local.conf"
    cat >"$conf.new" <<EOF || die "cannot write $conf: $(why_not_writable "$etc")"
# Written by ./dev run each time; your own settings belong into local.conf.
base_url = http://127.0.0.1:$1
database_socket = $run/mysql.sock
database_name = parley
database_user = parley
run_dir = $run
data_dir = $data
template_dir = $top/templates
htdocs_dir = $top/htdocs
sql_dir = $top/sql
flow_template_dir = $top/flow-templates
program_dir = $build
include $etc/secrets.conf
include $etc/local.conf
EOF
    mv "$conf.new" "$conf"
    sed -e "s|@RUN_DIR@|$run|g; s|@HTDOCS_DIR@|$top/htdocs|g" etc/lighttpd.conf.in >"$etc/routes.conf"
    cat >"$etc/lighttpd.conf.new" <<EOF || die "cannot write $etc/lighttpd.conf"
server.bind = "127.0.0.1"
server.port = $1
server.document-root = "$top/htdocs"
server.errorlog = "$log/lighttpd.log"
server.upload-dirs = ("$data")
include "$etc/routes.conf"
EOF
    mv "$etc/lighttpd.conf.new" "$etc/lighttpd.conf"
}

# ---- database: with a tmpdir of its own, for a server that starts deletes the temporary files that others have in theirs ----

sql() { mariadb --no-defaults -S "$run/mysql.sock" -u"$(id -un)" --batch --skip-column-names "$@"; }
database_up() { [ -S "$run/mysql.sock" ] && sql -e 'SELECT 1' >/dev/null 2>&1; }
database_pid() { pid_of mariadbd "--datadir=$db"; }

create_database() {
    [ ! -e "$db/.complete" ] || return 0
    need_space "$var" 400
    rm -rf "$db" "$db.new"
    mkdir -p "$db.new" || die "cannot make the folder $db.new"
    chmod 700 "$db.new"
    logged "$log/mariadb-install.log" "MariaDB could not make its folder" mariadb-install-db --no-defaults --skip-test-db \
        --datadir="$db.new" --tmpdir="$data" --user="$(id -un)" --auth-root-authentication-method=socket --auth-root-socket-user="$(id -un)" \
        --innodb-log-file-size=96M
    touch "$db.new/.complete" && mv "$db.new" "$db"
}

start_database() {
    local pid
    if pid=$(database_pid); then
        wait_for 30 "$pid" database_up && return 0
        die "the database (pid $pid) runs but does not answer on $run/mysql.sock: ./dev stop, then ./dev run"
    fi
    need_space "$var" 100
    rm -f "$run/mysql.sock"
    : >"$log/mariadb.log" || die "cannot write $log/mariadb.log: $(why_not_writable "$log")"
    daemon "$log/mariadb.log" mariadbd --no-defaults --datadir="$db" --tmpdir="$data" --socket="$run/mysql.sock" --pid-file="$run/mariadb.pid" \
        --user="$(id -un)" --skip-networking --skip-name-resolve --skip-log-bin --character-set-server=utf8mb4 \
        --collation-server=utf8mb4_unicode_520_ci --innodb-flush-log-at-trx-commit=1 --innodb-buffer-pool-size=128M \
        --innodb-log-file-size=96M --performance-schema=OFF --max-connections=200 --max-allowed-packet=64M
    started_database=1
    wait_for 60 "$daemon_pid" database_up || fail_with_log "$log/mariadb.log" "the database did not start"
    [ -n "$(sql -e "SHOW DATABASES LIKE 'parley'")" ] || sql -e 'CREATE DATABASE parley CHARACTER SET utf8mb4' ||
        die "cannot create the database parley"
    local password
    password=$(sed -n 's/^database_password = //p' "$etc/secrets.conf")
    sql <<<"CREATE USER IF NOT EXISTS parley@localhost; ALTER USER parley@localhost IDENTIFIED BY '$password';
        GRANT ALL ON parley.* TO parley@localhost;" || die "cannot make the database user parley"
}

# ---- programs ----

parley() { "$build/parley" --config "$conf" "$@"; }
serve_pid() { pid_of parley "$conf" serve; }
http_up() { curl -fsS -o /dev/null -m 5 "http://127.0.0.1:$1/$2" 2>/dev/null; }

start_programs() {
    serve_pid >/dev/null && return 0
    : >"$log/parley.log"
    daemon "$log/parley.log" "$build/parley" --config "$conf" serve
    started_programs=1
    env | grep '^PARLEY_' | sort >"$run/environment"
    wait_for 30 "$daemon_pid" programs_listen || fail_with_log "$log/parley.log" "the programs did not start"
}
programs_listen() { [ -S "$run/portal.sock" ] && [ -S "$run/api.sock" ] && [ -S "$run/chat.sock" ] && [ -S "$run/hooks.sock" ]; }

web_pid() { pid_of lighttpd "$etc/lighttpd.conf"; }

start_web() { # PORT
    local pid
    if pid=$(web_pid); then end_process "$pid" 5; fi
    : >"$log/lighttpd.log"
    daemon "$log/lighttpd.log" lighttpd -D -f "$etc/lighttpd.conf"
    started_web=1
    wait_for 10 "$daemon_pid" http_up "$1" healthz && return 0
    alive "$daemon_pid" || fail_with_log "$log/lighttpd.log" "the web server did not start"
    curl -sS -m 5 "http://127.0.0.1:$1/healthz" >>"$log/parley.log" 2>&1
    fail_with_log "$log/parley.log" "the programs do not answer behind the web server"
}

# End what runs here, in the order that lets requests finish. Says what it ended.
stop_stack() {
    local pid ended=
    if pid=$(web_pid); then end_process "$pid" 5; ended="web server"; fi
    if pid=$(serve_pid); then end_process "$pid" 25; ended="$ended${ended:+, }programs"; fi
    if pid=$(database_pid); then end_process "$pid" 60; ended="$ended${ended:+, }database"; fi
    rm -f "$run/environment"
    stopped=$ended
}

# After a failure: end what this run started, nothing else.
undo_start() {
    local pid
    [ -n "${started_web:-}" ] && pid=$(web_pid) && end_process "$pid" 5
    [ -n "${started_programs:-}" ] && pid=$(serve_pid) && end_process "$pid" 10
    [ -n "${started_database:-}" ] && pid=$(database_pid) && end_process "$pid" 60
    return 0
}
