#!/bin/sh
# lint.sh TOOLS_DIR: lint-layers, lint-length, lint-dialect and lint-routes see what they should, and nothing else.
set -u
tools=$1
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/src/base" "$tree/src/db" "$tree/src/web" "$tree/src/talk" "$tree/src/billing/mirror" "$tree/src/billing/sync" "$tree/src/view" "$tree/src/cli" "$tree/cgi-bin/chat" "$tree/cgi-bin/portal" "$tree/tests"
failed=0

expect() { # LINT WHAT-IT-SAYS ("" = nothing)
    said=$("$tools/$1" "$tree" 2>&1)
    rc=$?
    if [ -z "$2" ] && { [ $rc != 0 ] || [ -n "$said" ]; }; then
        echo "$1: unexpected: $said"
        failed=1
    elif [ -n "$2" ] && { [ $rc = 0 ] || ! printf '%s\n' "$said" | grep -qF -- "$2"; }; then
        echo "$1: did not say \"$2\" but: $said"
        failed=1
    fi
}
file() { printf '%b' "$2" >"$tree/$1"; }

# ---- layers ----
file src/talk/a.c '#include "talk/a.h"\n#include "db/db.h"\n#include "base/buf.h"\n'
file src/billing/sync/a.c '/* a */\n#include "billing/sync/sync_store.h"\n#include "billing/mirror/mirror.h"\n#include "plan/plan.h"\n'
file src/web/server.c '#include <fcgiapp.h>\n#include "base/log.h"\n'
file cgi-bin/chat/main.c '#include "web/server.h"\n#include "talk/talk.h"\n#include "chat/routes.def"\n'
file src/cli/c.c '#include "chat/routes.def"\n#include "web/route.h"\n'
file src/db/pool.c '#include <mariadb/mysql.h>\n#include "db/db_internal.h"\n'
expect lint-layers ''
for row in 'src/db/b.c|#include "talk/talk.h"|src/db/b.c:1: db does not include talk' \
    'src/web/b.c|#include "db/db.h"|web does not include db' \
    'src/talk/b.c|#include "web/request.h"|talk does not include web' \
    'src/talk/b.c|#include "view/view_internal.h"|is not for other modules' \
    'src/talk/b.c|#include "chat/chat.h"|talk does not include a program' \
    'cgi-bin/chat/b.c|#include "portal/page.h"|a program does not include another' \
    'cgi-bin/chat/b.c|#include "web/web_internal.h"|is not for other modules' \
    'src/billing/mirror/b.c|#include "billing/sync/sync.h"|billing/mirror does not include billing/sync' \
    'src/billing/sync/b.c|#include "billing/mirror/mirror_store.h"|is not for other modules' \
    'src/billing/sync/b.c|#include "billing/mirror/mirror_internal.h"|is not for other modules' \
    'src/talk/b.c|#include "billing/sync/sync.h"|talk does not include billing' \
    'src/web/b.c|#include <fcgiapp.h>|belongs into src/web/server' \
    'src/talk/b.c|#  include <curl/curl.h>|belongs into src/net/' \
    'src/talk/b.c|#include <mariadb/mysql.h>|belongs into src/db/' \
    'src/talk/b.c|#include <json-c/json.h>|belongs into src/base/json' \
    'src/talk/b.c|#include <sodium.h>|belongs into src/base/crypto' \
    'src/talk/b.c|#include <ClearSilver/ClearSilver.h>|belongs into src/view/'; do
    name=${row%%|*} rest=${row#*|}
    file "$name" "${rest%%|*}\n"
    expect lint-layers "${rest#*|}"
    rm "$tree/$name"
done

# ---- length ----
rm -rf "$tree/src/billing"
rm -f "$tree"/src/*/*.c "$tree"/cgi-bin/*/*.c
body=$(printf '    x();\\n%.0s' $(seq 60))
file src/base/c.c "/* f */\nvoid f(void)\n{\n$body}\n"
expect lint-length ''
file src/base/c.c "/* f */\nvoid f(void)\n{\n    x();\n$body}\n"
expect lint-length 'src/base/c.c:3: a function of 61 lines'
file src/base/c.c "void f(void)\n{\n}\n"
expect lint-length 'src/base/c.c:1: no comment at its head'
file src/base/c.c "/* f */\n/* $(printf 'ä%.0s' $(seq 114)) */\n"
expect lint-length ''
file src/base/c.c "/* f */\n/* $(printf 'x%.0s' $(seq 115)) */\n"
expect lint-length 'src/base/c.c:2: 121 columns'
if command -v pmccabe >/dev/null; then
    file src/base/c.c "/* f */\nint f(int x)\n{\n$(printf '    if (x == %d)\\n        return x;\\n' $(seq 15))    return 0;\n}\n"
    expect lint-length 'src/base/c.c:2: a function of complexity 16: f'
fi
rm "$tree/src/base/c.c"
mkdir "$tree/src/many"
for i in $(seq 60); do : >"$tree/src/many/f$i.h"; done
expect lint-length 'src/many:1: a folder of 60 files'
rm -r "$tree/src/many"
file src/base/c.c "$(printf '/* */\\n%.0s' $(seq 801))"
expect lint-length 'src/base/c.c:1: 801 lines'
rm "$tree/src/base/c.c"

# ---- dialect ----
file src/base/c.c 'int f(int *p)\n{\n    int n = 1;\n    return p ? n : (int)sizeof(n);\n}\n'
expect lint-dialect ''
for row in \
    '    return p == NULL;|a comparison with NULL' \
    '    return (int)sizeof *p;|sizeof without parentheses' \
    '    enum status s = f(p);|a status that is not called st' \
    '    enum { N = 3 };|a constant as an enum' \
    '    arena_init(\&a, 64 * KB);|the size of an arena as a number' \
    '    int n = 1;\n\n    return n;|a blank line after the declarations'; do
    file src/base/c.c "int f(int *p)\n{\n${row%%|*}\n}\n"
    expect lint-dialect "${row#*|}"
done
rm "$tree/src/base/c.c"

# ---- routes ----
handler() { # FILE NAME...: a file with these handlers
    path=$1
    shift
    mkdir -p "$tree/$(dirname "$path")"
    for name in "$@"; do printf 'void %s(struct request *rq)\n{\n}\n' "$name"; done >"$tree/$path"
}
rm -f "$tree/cgi-bin/chat/main.c"
handler cgi-bin/chat/a.c chat_a_get chat_a_post chat_a_v_c_d_patch
handler cgi-bin/chat/b.c chat_b_post
handler cgi-bin/chat/bot.c chat_bot_post
handler cgi-bin/chat/index.c chat_index_get
table() { printf '/* table */\n%s\n' "$1" >"$tree/cgi-bin/chat/routes.def"; }
good='ROUTE(GET, "/a", chat_a_get, MEMBER(BOT_READ | BOT_WRITE), CSRF_NONE, BODY_0, RATE_UI, FEATURE_NONE)
ROUTE(GET, "/chat", chat_index_get, PUBLIC, CSRF_NONE, BODY_0, RATE_UI, FEATURE_NONE)
ROUTE(POST, "/a", chat_a_post, SESSION, CSRF_TOKEN, BODY_4K, RATE_UI, FEATURE_NONE)
ROUTE(POST, "/b", chat_b_post, PUBLIC, CSRF_ORIGIN, BODY_4K, RATE_UI, FEATURE_NONE)
ROUTE(POST, "/chat/{bot}", chat_bot_post, PUBLIC, CSRF_NONE, BODY_4K, RATE_CHAT, FEATURE_NONE)
ROUTE(PATCH, "/v1/{b}/a.v/{c}/c-d", chat_a_v_c_d_patch, KEY(SCOPE_READ), CSRF_NONE, BODY_4K, RATE_API, FEATURE_NONE)'
table "$good"
expect lint-routes ''
for row in 'ROUTE(GET, "/c", chat_c_get, PUBLIC, CSRF_NONE, BODY_0, RATE_UI)|a row of 7 columns' \
    'ROUTE(GET, "/c", nobody, PUBLIC, CSRF_NONE, BODY_0, RATE_UI, FEATURE_NONE)|the handler of GET "/c" is called chat_c_get' \
    'ROUTE(GET, "/c", chat_c_get, PUBLIC, CSRF_NONE, BODY_0, RATE_UI, FEATURE_NONE)|no handler chat_c_get in cgi-bin/chat/c.c' \
    'ROUTE(GET, "/c", chat_c_get, PUBLIC, CSRF_NONE, BODY_4K, RATE_UI, FEATURE_NONE)|GET with CSRF_NONE and BODY_4K' \
    'ROUTE(POST, "/c", chat_c_post, SESSION, CSRF_ORIGIN, BODY_4K, RATE_UI, FEATURE_NONE)|without CSRF_TOKEN' \
    'ROUTE(POST, "/c", chat_c_post, PUBLIC, CSRF_NONE, BODY_4K, RATE_UI, FEATURE_NONE)|without CSRF_ORIGIN' \
    'ROUTE(POST, "/chat/c", chat_c_post, PUBLIC, CSRF_NONE, BODY_4K, RATE_NONE, FEATURE_NONE)|no rate class' \
    'ROUTE (GET, "/c", chat_c_get)|not a row' \
    '#include "portal/bots/routes.def"|not a row' \
    'ROUTE(GET, "/a", chat_a_get, SESSION, CSRF_NONE, BODY_0, RATE_UI, FEATURE_NONE)|twice: GET "/a"'; do
    table "$good
${row%%|*}"
    expect lint-routes "${row#*|}"
done
table "$good"

# An address of the portal leads to a folder.
handler cgi-bin/portal/bots/bot.c bots_bot_get
handler cgi-bin/portal/bots/index.c bots_index_get
handler cgi-bin/portal/workspace/new.c workspace_new_get
handler cgi-bin/portal/admin/plans.c admin_plans_plan_get
handler cgi-bin/portal/site/favicon.c site_favicon_ico_get
page() { # FOLDER METHOD PATH HANDLER...: the table of a folder
    folder=$1
    shift
    while [ $# -gt 0 ]; do
        printf 'ROUTE(%s, "%s", %s, MEMBER(BOT_READ), CSRF_NONE, BODY_0, RATE_UI, FEATURE_NONE)\n' "$1" "$2" "$3"
        shift 3
    done >"$tree/cgi-bin/portal/$folder/routes.def"
}
page bots GET '/app/bots' bots_index_get GET '/app/bots/{bot}' bots_bot_get
page workspace GET /app/new workspace_new_get
page admin GET '/admin/plans/{plan}' admin_plans_plan_get
page site GET /favicon.ico site_favicon_ico_get
printf '#include "portal/%s/routes.def"\n' bots workspace admin site >"$tree/cgi-bin/portal/routes.def"
mkdir -p "$tree/tests/portal"
for folder in bots workspace admin; do : >"$tree/tests/portal/$folder.test.mjs"; done
expect lint-routes 'cgi-bin/portal/site/routes.def:1: there is no tests/portal/site.test.mjs'
: >"$tree/tests/portal/site.test.mjs"
expect lint-routes ''

# A file of the API that serves a route has a test of its name.
handler cgi-bin/api/me.c api_me_get
mkdir -p "$tree/tests/api"
printf 'ROUTE(GET, "/v1/me", api_me_get, KEY(SCOPE_READ), CSRF_NONE, BODY_0, RATE_API, FEATURE_NONE)\n' >"$tree/cgi-bin/api/routes.def"
expect lint-routes 'cgi-bin/api/routes.def:1: there is no tests/api/me.test.mjs'
: >"$tree/tests/api/me.test.mjs"
expect lint-routes ''

page site GET /favicon.ico site_favicon_ico_get GET /app/new workspace_new_get
expect lint-routes 'cgi-bin/portal/site/routes.def:2: belongs into cgi-bin/portal/workspace/routes.def: "/app/new"'
page site GET /favicon.ico site_favicon_ico_get
printf '#include "portal/%s/routes.def"\n' bots workspace admin >"$tree/cgi-bin/portal/routes.def"
expect lint-routes 'cgi-bin/portal/routes.def does not include it'
printf '#include "portal/%s/routes.def"\n' bots workspace admin site >"$tree/cgi-bin/portal/routes.def"
mkdir -p "$tree/templates/portal/bots" "$tree/templates/i18n" "$tree/templates/layout"
: >"$tree/templates/portal/bots/bot_old.cs"
for row in 'T.Bots.Bot {|' 'T.Bots.Common {|' 'T.Nav {|' \
    'T.Bots.Flow {|templates/i18n/en.hdf:1: T.Bots.Flow: there is no flow in bots' \
    'T.Bots {|texts of a folder belong to a file: T.Bots.File'; do
    printf '%s\n' "${row%%|*}" >"$tree/templates/i18n/en.hdf"
    expect lint-routes "${row#*|}"
done
printf 'T.Bots.Bot {\n' >"$tree/templates/i18n/en.hdf"
printf '<?cs var:T.Bots.Bot.Title ?>\n' >"$tree/templates/layout/top.cs"
expect lint-routes 'templates/layout/top.cs:1: T.Bots.Bot.Title is a text of bots'
rm "$tree/templates/layout/top.cs"
for line in '#include "portal/page/page.h"|' '#include "portal/admin/admin.h"|bots does not include "portal/admin/admin.h"' \
    '    page_send(&pg, "portal/bots/bot_old.cs", NULL);|' \
    '    page_send(&pg, "portal/bots/bot.cs", NULL);|there is no templates/portal/bots/bot.cs' \
    '    page_send(&pg, "portal/bots/flow.cs", NULL);|portal/bots/flow.cs is not a template of bots/bot.c'; do
    handler cgi-bin/portal/bots/bot.c bots_bot_get
    printf '%s\n' "${line%%|*}" >>"$tree/cgi-bin/portal/bots/bot.c"
    expect lint-routes "${line#*|}"
done
exit $failed
