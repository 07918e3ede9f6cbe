# The demo workspace, its bot, and the conversation that proves the install.
# shellcheck shell=bash

demo() { jq -r --arg k "$1" '.[$k] // ""' "$var/demo.json" 2>/dev/null; }

report() { # PORT
    say ""
    say "  Parley:    $(demo url)"
    say "  sign in:   $(demo email)  $(demo password)"
    say "  chat:      $(demo url)/chat/$(demo bot)"
    say "  commands:  ./dev parley help        (the same words are in $var/demo.json, with an API key)"
    say "  logs:      $log"
}
