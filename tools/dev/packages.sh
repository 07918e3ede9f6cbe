# What Debian and Ubuntu must have installed, found by what the package brings, so that other ways to have it count too.
# shellcheck shell=bash

# package  probe: a command (cmd:), a header or a file (any match)
PACKAGES_RUN='
gcc                   cmd:gcc
libc6-dev             /usr/include/stdio.h
make                  cmd:make
autoconf              cmd:autoconf
automake              cmd:automake
pkg-config            cmd:pkg-config
zlib1g-dev            /usr/include/zlib.h
clearsilver-dev       /usr/include/ClearSilver/ClearSilver.h
libfcgi-dev           /usr/include/fcgiapp.h
libmariadb-dev        /usr/include/mariadb/mysql.h
libcurl4-openssl-dev  /usr/include/*/curl/curl.h /usr/include/curl/curl.h
libjson-c-dev         /usr/include/json-c/json.h
libsodium-dev         /usr/include/sodium.h
libssl-dev            /usr/include/openssl/evp.h
libpcre2-dev          /usr/include/pcre2.h
libstemmer-dev        /usr/include/libstemmer.h
mariadb-server-core   cmd:mariadbd
mariadb-client-core   cmd:mariadb
lighttpd              cmd:lighttpd
lighttpd-mod-deflate  /usr/lib/lighttpd/mod_deflate.so /usr/lib/*/lighttpd/mod_deflate.so
curl                  cmd:curl
jq                    cmd:jq
ca-certificates       /etc/ssl/certs/ca-certificates.crt
'
PACKAGES_PAGES='
nodejs                cmd:node
npm                   cmd:npm
'
PACKAGES_TEST='
libcmocka-dev         /usr/include/cmocka.h
chromium-headless-shell  cmd:chromium-headless-shell cmd:google-chrome cmd:chromium-browser
apache2               cmd:apache2
nginx                 cmd:nginx
openssl               cmd:openssl
xz-utils              cmd:xz
locales               /usr/share/i18n/locales/de_DE
wrk                   cmd:wrk
clang                 cmd:clang
clang-format          cmd:clang-format
pmccabe               cmd:pmccabe
clang-tidy            cmd:clang-tidy
cppcheck              cmd:cppcheck
'
PACKAGES_FUZZ='
clang                 cmd:clang
libclang-rt-dev       /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a
'
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

missing_packages() { # TABLE...: names of the packages whose probes all fail
    local name probes probe found
    while read -r name probes; do
        [ -n "$name" ] || continue
        found=
        for probe in $probes; do
            case $probe in
            cmd:*) command -v "${probe#cmd:}" >/dev/null 2>&1 && found=1 ;;
            *) [ -e "$probe" ] && found=1 ;;
            esac
        done
        [ -n "$found" ] || printf '%s ' "$name"
    done <<<"$*"
}

is_debian() {
    [ -e /etc/os-release ] && grep -qE '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release && command -v apt-get >/dev/null
}

# Install what the tables miss. Asks first, unless root or --yes.
ensure_packages() { # TABLE...
    local missing sudo= answer
    missing=$(missing_packages "$@")
    missing=${missing% }
    [ -n "$missing" ] || return 0
    end_line
    is_debian || die "these packages are missing, and this is neither Debian nor Ubuntu; install what brings the same: $missing"
    say "       missing packages: $missing"
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "sudo is missing and you are not root; as root run: apt-get install --no-install-recommends $missing"
        sudo=sudo
        if [ -z "${yes:-}" ]; then
            [ -t 0 ] || die "missing packages, and nobody to ask: run ./dev with --yes, or as root: apt-get install --no-install-recommends $missing"
            read -r -p "       Install them with sudo apt-get? [Y/n] " answer
            case $answer in '' | [yY]*) ;; *) die "nothing was installed; missing are: $missing" ;; esac
        fi
        [ -t 0 ] || sudo -n true 2>/dev/null || die "sudo asks for a password, and there is no terminal; as root run: apt-get install --no-install-recommends $missing"
        sudo true || die "sudo said no; as root run: apt-get install --no-install-recommends $missing"
    fi
    mkdir -p "$log"
    printf '       installing %s … ' "$(wc -w <<<"$missing") packages"
    step_open=1
    # shellcheck disable=SC2086
    if ! $sudo bash "$top/tools/dev/apt-install" $missing >"$log/packages.log" 2>&1 </dev/null; then
        if grep -qE 'Temporary failure resolving|Could not connect|Failed to fetch|Network is unreachable' "$log/packages.log"; then
            fail_with_log "$log/packages.log" "apt-get could not fetch the packages: is this machine on the network?"
        fi
        fail_with_log "$log/packages.log" "apt-get could not install: $missing"
    fi
    hash -r
    missing=$(missing_packages "$@")
    [ -z "$missing" ] || fail_with_log "$log/packages.log" "still missing after the installation: $missing"
}
