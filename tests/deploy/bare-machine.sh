#!/usr/bin/env bash
# Follow "Install" in README.md to the letter on a bare Debian, from the packages to the removal, and check what each part leads to.
#
#   tests/deploy/bare-machine.sh      as root, in the checkout, on a machine that may be thrown away: it installs packages,
#                                     makes and removes the user and the database "parley", and serves port 80
#
# Each command block of that section runs as it stands there. Where systemd does not run (a container, a chroot), a stand-in for
# systemctl starts what systemd would start, and the servers get a network of their own, without a way out.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "bare-machine.sh: run it as root" >&2; exit 2; }
cd "$(dirname "$0")/../.."
export DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
blocks=/tmp/readme-blocks
has_systemd() { [ -d /run/systemd/system ]; }

say() { printf '== %s\n' "$*"; }
fail() { printf 'not ok: %s\n' "$*" >&2; exit 1; }
check() { # WORDS COMMAND...
    local words=$1
    shift
    "$@" >/tmp/check.out 2>&1 || { cat /tmp/check.out >&2; fail "$words"; }
    say "ok: $words"
}

# "**Title.** …" names the blocks that follow it.
split_readme() {
    rm -rf "$blocks" && mkdir -p "$blocks"
    awk -v dir="$blocks" '
        /^## / { inside = $0 == "## Install" }
        !inside { next }
        /^\*\*[^*]+\.\*\*/ { title = $0; sub(/^\*\*/, "", title); sub(/\.\*\*.*/, "", title) }
        /^```/ { open = !open; next }
        open { print > (dir "/" title) }' README.md
}
show_failure() { # of a block; where a test failed, what it said
    local name
    tail -n 40 /tmp/block.out
    for name in $(sed -n 's/^FAIL: //p' /tmp/block.out); do tail -n 30 "$name.log"; done
}
follow() { # TITLE: the block, echoed, ending at the first command that fails
    [ -s "$blocks/$1" ] || fail "README has no block \"$1\""
    say "$1"
    bash -euxo pipefail "$blocks/$1" >/tmp/block.out 2>&1 </dev/null || { show_failure >&2; fail "$1"; }
}

# ---- systemctl, where systemd does not run ----

stand_in() {
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d # packages start nothing by themselves
    chmod +x /usr/sbin/policy-rc.d
    cat >/usr/local/sbin/systemctl <<'SH'
#!/usr/bin/env bash
stop() { # PID FILE
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 200); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.1; done
}
start_parley() {
    local unit=/usr/local/lib/systemd/system/parley.service
    install -d -o parley -g parley -m 750 /run/parley /var/lib/parley /var/log/parley
    # shellcheck disable=SC2046
    setsid runuser -u parley -- env $(sed -n 's/^Environment=//p' "$unit") $(sed -n 's/^ExecStart=//p' "$unit") </dev/null >>/tmp/parley.log 2>&1 &
    for _ in $(seq 200); do [ -S /run/parley/portal.sock ] && return 0; sleep 0.1; done
    cat /tmp/parley.log >&2
    return 1
}
case "$*" in
daemon-reload) ;;
"start mariadb")
    install -d -o mysql -g mysql /run/mysqld
    setsid mariadbd --user=mysql </dev/null >/tmp/mariadb.log 2>&1 &
    for _ in $(seq 300); do mariadb-admin ping >/dev/null 2>&1 && exit 0; sleep 0.1; done
    exit 1 ;;
"enable --now parley") start_parley ;;
"restart parley") stop /run/parley/parley.pid; start_parley ;;
"disable --now parley") stop /run/parley/parley.pid; rm -r /run/parley ;;
"restart lighttpd") stop /run/lighttpd.pid; lighttpd -tt -f /etc/lighttpd/lighttpd.conf && lighttpd -f /etc/lighttpd/lighttpd.conf ;;
*) echo "the systemctl stub does not support: $*" >&2; exit 1 ;;
esac
SH
    chmod +x /usr/local/sbin/systemctl
}

end_servers() { # those of the stand-in
    local file
    for file in /run/parley/parley.pid /run/lighttpd.pid /run/mysqld/mysqld.pid; do
        [ ! -s "$file" ] || kill "$(cat "$file")" 2>/dev/null || :
    done
    rm -f /usr/local/sbin/systemctl /usr/sbin/policy-rc.d
}

# ---- the parts ----

answer() { curl -s -o /tmp/page -w '%{http_code} %{redirect_url}' "$@"; }
serves() { # a page, the API, a sign-in with the password that "user create" printed
    [ "$(answer http://localhost/login)" = "200 " ] && grep 'type="password"' /tmp/page &&
        [ "$(answer http://localhost/v1/me)" = "401 " ] &&
        [ "$(answer --data-urlencode email=you@example.com --data-urlencode "password=$1" http://localhost/login)" = "303 http://localhost/app" ]
}
is_healthy() { runuser -u parley -- parley doctor | tee /tmp/doctor.out && ! grep -E '^fail' /tmp/doctor.out; }
only_warns_of_start() { ! grep -E '^fail' /tmp/block.out; }
left_behind() { # what the removal forgot
    ! find / -xdev \( -path "$PWD" -o -path /proc -o -path /tmp -o -path /root \) -prune -o \( -name 'parley*' -o -path '*/parley/*' \) -print | grep . &&
        ! getent passwd parley && ! getent group parley && [ -z "$(mariadb -Ne "SHOW DATABASES LIKE 'parley'")" ]
}

packages_and_build() {
    has_systemd || stand_in
    apt-get update -q >/dev/null
    sed -i 's/^apt-get install /&-y /' "$blocks/Packages" # README's reader says yes
    follow Packages
    [ -e /sbin/ip ] || has_systemd || apt-get install -yq --no-install-recommends iproute2 >/dev/null
    follow Build
    tail -n 3 /tmp/block.out
}

serve_and_remove() {
    has_systemd || { ip link set lo up; trap end_servers EXIT; }
    local password
    follow "User and database"
    follow Configuration
    check "doctor finds nothing that must be fixed" only_warns_of_start
    follow Start
    follow "The first account"
    password=$(awk '$1 == "password" { print $2 }' /tmp/block.out)
    check "pages, API and the first account" serves "$password"
    check "doctor is content" is_healthy
    cat /tmp/doctor.out
    follow Upgrade
    check "the same after an upgrade" serves "$password"
    (cd /tmp && follow Backup)
    check "the backup holds the account" sh -c 'zcat /tmp/parley.sql.gz | grep -q you@example.com && tar -tf /tmp/parley-etc.tar.gz | grep -q secrets.conf'
    follow Removal
    check "nothing is left" left_behind
}

if [ "${1:-}" = "--serve" ]; then
    serve_and_remove
else
    split_readme
    packages_and_build
    if has_systemd; then serve_and_remove; else unshare -n "$0" --serve; fi
    say "README \"Install\" works as it stands"
fi
