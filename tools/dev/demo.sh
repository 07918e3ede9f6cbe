# The demo workspace, its bot, and the conversation that proves the install.
# shellcheck shell=bash

DEMO_QUESTION='Where is my data kept?'

demo() { jq -r --arg k "$1" '.[$k] // ""' "$var/demo.json" 2>/dev/null; }

# A command of the demo: its output; its words when it fails.
demo_parley() {
    parley "$@" 2>"$log/demo.log" && return 0
    end_line >&2
    die "the demo could not be made: parley $1 ${2:-}: $(tail -n 1 "$log/demo.log" | sed 's/^parley: //')"
}

make_demo() { # PORT
    local url=http://127.0.0.1:$1
    if [ -e "$var/demo.json" ] && [ -n "$(demo bot)" ] && parley bot show "$(demo bot)" >/dev/null 2>&1; then
        [ "$(demo url)" = "$url" ] || write_demo "$url" "$(demo workspace)" "$(demo email)" "$(demo password)" "$(demo api_key)" "$(demo bot)"
        return 0
    fi
    local email=demo@example.com password workspace user key bot
    password=$(hex 8)
    workspace=$(demo_parley tenant create "Demo workspace" --plan enterprise) || exit 1
    user=$(printf '%s' "$password" | demo_parley user create "$email" --name "Demo" --password-stdin) || exit 1
    demo_parley user add-to "$user" "$workspace" --role owner >/dev/null || exit 1
    key=$(demo_parley key create --tenant "$workspace" --name "demo" --scopes read,write,chat) || exit 1
    bot=$(demo_parley bot create --tenant "$workspace" --template faq --name "Demo bot") || exit 1
    demo_parley import faq --bot "$bot" "$top/tools/dev/demo-faq.csv" >/dev/null || exit 1
    demo_parley bot publish "$bot" >/dev/null || exit 1
    write_demo "$url" "$workspace" "$email" "$password" "$key" "$bot"
}

write_demo() { # URL WORKSPACE EMAIL PASSWORD KEY BOT
    (umask 077 && jq -n --arg url "$1" --arg workspace "$2" --arg email "$3" --arg password "$4" --arg api_key "$5" --arg bot "$6" \
        '{url: $url, email: $email, password: $password, api_key: $api_key, bot: $bot, workspace: $workspace}' >"$var/demo.json.new") &&
        mv "$var/demo.json.new" "$var/demo.json" || die "cannot write $var/demo.json: $(why_not_writable "$var")"
}

# One turn through the public endpoint, as any visitor has it.
hold_conversation() { # PORT
    local reply status
    reply=$(jq -n --arg text "$DEMO_QUESTION" '{text: $text}' | curl -sS -m 20 -w '\n%{http_code}' -H 'Content-Type: application/json' \
        --data-binary @- "http://127.0.0.1:$1/chat/$(demo bot)/messages" 2>"$log/conversation.log")
    status=${reply##*$'\n'}
    reply=${reply%$'\n'*}
    printf '%s\n' "$reply" >>"$log/conversation.log"
    if [ "$status" != 200 ] || ! jq -e '.messages | length > 0' <<<"$reply" >/dev/null 2>&1; then
        end_line
        die "the demo bot did not answer (status $status): $(jq -r '.detail // .title // empty' <<<"$reply" 2>/dev/null) (see $log/conversation.log, $log/parley.log)"
    fi
    conversation=$reply
}

report() { # PORT
    say ""
    say "  visitor:   $DEMO_QUESTION"
    jq -r '.messages[] | "  \(.from):       \(.text // "" | gsub("\n"; "\n             "))", (.choices // [] | .[] | "               [\(.label)]")' <<<"$conversation"
    say ""
    say "  Parley:    $(demo url)"
    say "  sign in:   $(demo email)  $(demo password)"
    say "  chat:      $(demo url)/chat/$(demo bot)"
    say ""
    say "  Next: open the chat in a browser, or sign in and make a bot of your own."
    say "  Commands:  $(from_here)./dev parley --help       For scripts: $var/demo.json"
    say "  Logs:      $log"
}
