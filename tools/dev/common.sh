# Words, steps, processes: what the other parts of ./dev share.
# shellcheck shell=bash

LAYOUT=1 # of var/: raised when an older var/ cannot be used as it stands

say() { printf '%s\n' "$*"; }
warn() { printf 'dev: %s\n' "$*" >&2; }
die() {
    end_line
    printf 'dev: %s\n' "$*" >&2
    exit 1
}

# ---- places ----

set_places() { # DIR of the install
    mkdir -p -- "$1" 2>/dev/null || die "cannot make the folder $1: $(why_not_writable "$1")"
    var=$(cd "$1" && pwd -P)
    etc=$var/etc log=$var/log data=$var/data db=$var/mariadb
    conf=$etc/parley.conf
    # A Unix socket's path holds 107 bytes.
    run=$var/run
    if [ ${#run} -gt 85 ]; then
        run=${TMPDIR:-/tmp}/parley-$(id -u)-$(printf %s "$var" | cksum | cut -d' ' -f1)
        [ ${#run} -le 85 ] || run=/tmp/${run##*/}
    fi
}

# Folders for use, private to their owner; a var/ of another layout is refused.
make_places() {
    local d
    writable "$var" || die "cannot write to $var: $(why_not_writable "$var")"
    if [ -e "$var/layout" ] && [ "$(cat "$var/layout" 2>/dev/null)" != "$LAYOUT" ]; then
        die "$var was made by another version of Parley (layout $(head -c 20 "$var/layout")), this one uses layout $LAYOUT: \
keep it for that version and use --var DIR here, or move it away"
    fi
    for d in "$etc" "$log" "$data" "$run"; do
        (umask 077 && mkdir -p -- "$d") 2>/dev/null || die "cannot make the folder $d: $(why_not_writable "$d")"
        [ -O "$d" ] || die "$d belongs to $(stat -c %U "$d"), not to you ($(id -un)): run ./dev as one user"
    done
    chmod 700 "$run" "$etc" "$data"
    [ -e "$var/layout" ] || echo "$LAYOUT" >"$var/layout" || die "cannot write to $var: $(why_not_writable "$var")"
}

writable() { # DIR: a file can be made and filled in it
    local probe=$1/.probe.$$
    { head -c 65536 /dev/zero >"$probe"; } 2>/dev/null && [ "$(stat -c %s "$probe" 2>/dev/null)" = 65536 ]
    local rc=$?
    rm -f -- "$probe"
    return $rc
}

why_not_writable() { # PATH: in words
    local p=$1 message
    while [ ! -e "$p" ]; do p=$(dirname "$p"); done
    message=$(LC_ALL=C sh -c 'f=$1/.probe.$$; head -c 65536 /dev/zero >"$f"; rc=$?; rm -f "$f"; exit $rc' sh "$p" 2>&1)
    case $message in
    *"Read-only"*) echo "the file system is read-only" ;;
    *"No space"*) echo "the disk is full" ;;
    *"Permission"*) echo "it belongs to $(stat -c %U "$p"), and you are $(id -un)" ;;
    "") echo "$p is not a folder that can be used" ;;
    *) echo "${message##*: }" ;;
    esac
}

need_space() { # DIR MEGABYTES
    local free
    free=$(df -Pm -- "$1" | awk 'NR == 2 {print $4}')
    [ "${free:-0}" -ge "$2" ] || die "the disk of $1 is full: $free MB are free, $2 MB are needed"
}

# ---- steps: "[ 3/9] build ... 41 s" ----

step_number=0 step_open=
step_total=0

now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo $((t / 1000)); }

took() { # MS since
    local ms=$(($(now_ms) - $1))
    if [ $ms -lt 10000 ]; then printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100)); else printf '%d s' $((ms / 1000)); fi
}

step() { # WORDS
    step_done
    step_number=$((step_number + 1))
    printf '[%2d/%d] %s … ' $step_number $step_total "$1"
    step_open=1 step_start=$(now_ms)
}

step_done() { # [NOTE]
    [ -n "$step_open" ] || return 0
    say "$(took "$step_start")${1:+ ($1)}"
    step_open=
}

end_line() {
    [ -z "$step_open" ] || echo
    step_open=
}

# Run quietly into a log; on failure show its end and say the sentence.
logged() { # LOG SENTENCE COMMAND...
    local file=$1 sentence=$2
    shift 2
    "$@" >"$file" 2>&1 </dev/null && return 0
    fail_with_log "$file" "$sentence"
}

fail_with_log() { # LOG SENTENCE
    end_line
    show_log_end "$1"
    die "$2 (all of it: $1)"
}

show_log_end() { # LOG: the errors if it names any, else its last lines
    local errors
    errors=$(grep -nE '(^|[^a-z_-])(error|Error|ERROR)[]: ]|^E: |\*\*\* ' "$1" 2>/dev/null | grep -v 'ERROR_' | tail -n 12)
    { [ -n "$errors" ] && printf '%s\n' "$errors" || tail -n 15 "$1"; } | cut -c1-300 | sed 's/^/    /' >&2
}

# ---- processes: found by program and argument, never by a pid file alone ----

# The pid of our own running PROGRAM that has WORD in its arguments, or WORD followed by NEXT; empty if none. A process of
# another root is not ours.
pid_of() { # PROGRAM WORD [NEXT]
    local file pid here
    here=$(stat -Lc %d:%i /)
    for file in $(grep -lsaF -- "$2" /proc/[0-9]*/cmdline); do
        pid=${file#/proc/}
        pid=${pid%%/*}
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ] || continue
        [ "$(stat -Lc %d:%i "/proc/$pid/root" 2>/dev/null)" = "$here" ] || continue
        [[ "$(tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null)"$'\n' == *"$2"${3:+$'\n'"$3"}$'\n'* ]] || continue
        alive "$pid" && echo "$pid" && return 0
    done
    return 1
}

# End a process we own: TERM, and KILL when it does not go in time.
end_process() { # PID SECONDS
    local i
    kill -TERM "$1" 2>/dev/null || return 0
    for ((i = 0; i < $2 * 20; i++)); do
        alive "$1" || return 0
        sleep 0.05
    done
    kill -KILL "$1" 2>/dev/null
    sleep 0.1
}

alive() { # PID: there, and no zombie
    local state
    [ -n "$1" ] || return 1
    state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null)
    [ -n "$state" ] && [ "${state:0:1}" != Z ]
}

port_busy() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

port_owner() { # PORT: "nginx (pid 123)" if it may be known
    local inode pid
    inode=$(awk -v p="$(printf ':%04X' "$1")" '$4 == "0A" && substr($2, length($2) - 4) == p {print $10; exit}' \
        /proc/net/tcp /proc/net/tcp6 2>/dev/null)
    [ -n "$inode" ] || return 0
    pid=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[$inode\]" 2>/dev/null | head -n 1 | cut -d/ -f3)
    [ -z "$pid" ] || printf '%s (pid %s)' "$(cat "/proc/$pid/comm" 2>/dev/null)" "$pid"
}

free_port() { # FROM
    local p
    for ((p = $1; p < $1 + 200; p++)); do port_busy $p || { echo $p; return; }; done
}

check_port() { # PORT
    case $1 in '' | *[!0-9]*) die "--port wants a number, not \"$1\"" ;; esac
    [ "$1" -ge 1 ] && [ "$1" -le 65535 ] || die "a port is between 1 and 65535, not $1"
    port_busy "$1" || return 0
    local owner
    owner=$(port_owner "$1")
    die "port $1 is in use${owner:+ by $owner}: stop that, or take another, for example: ./dev run --port $(free_port $(($1 + 1)))"
}

# Start a program that outlives this script, in a session of its own.
daemon() { # LOG COMMAND...
    local file=$1
    shift
    setsid "$@" >>"$file" 2>&1 </dev/null 9>&- &
    daemon_pid=$!
    disown "$daemon_pid" 2>/dev/null
}

# Wait until the condition holds. Ends early (1) when the process is gone, or when time is over.
wait_for() { # SECONDS PID CONDITION...
    local i limit=$(($1 * 20)) pid=$2
    shift 2
    for ((i = 0; i < limit; i++)); do
        "$@" && return 0
        [ -z "$pid" ] || alive "$pid" || return 1
        sleep 0.05
    done
    return 1
}
