#!/usr/bin/env bash
# logout: the tokens are deleted even if the server fails.
. "${0%/*}/../lib/tap.sh"
sandbox
cache=$HOME/.local/state/kandy/default.json
deleted() { jq -s 'map(select(.method=="DELETE" and .status==204) | .path | split("/") | .[-2])' "$sandbox_record" | jq -c .; }
enter() {
	KANDY_PASSWORD=alice-secret kandy login -q -u alice@sandbox.example >/dev/null && kandy subscribe chat >/dev/null
}

run kandy logout
is "$status" 0 'to log out without having logged in is no error'
json "$out" '[.event,.loggedIn,.address]' '["token",false,null]' 'the line says so'
enter
correlator=$(jq -r .correlator "$cache")
token=$(jq -r .accessToken "$cache")
run kandy logout
is "$status" 0 'log out'
json "$out" '[.event,.loggedIn,.address,.expires]' '["token",false,"alice@sandbox.example",null]' 'the line names the account'
is "$(deleted)" '["subscriptions","channels"]' 'subscription and channel are deleted on the server'
is "$(jq -c 'keys' "$cache")" '["correlator","version"]' 'nothing is left in the cache'
is "$(jq -r .correlator "$cache")" "$correlator" 'but the name of this installation'
is "$(grep -c "$token" -r "$HOME" | grep -vc ':0$')" 0 'the token is nowhere'
is "$(stat -c %a "$cache")" 600 'the file is still private'
run kandy subscribe chat
is "$status" 77 'other commands need a login now'

enter
is "$(jq -r .correlator "$cache")" "$correlator" 'the next login has the same correlator'
run kandy logout --base-url https://127.0.0.1:1 --retry 0
is "$status" 0 'the server of other settings is not asked'
is "$(jq -c 'keys' "$cache")" '["correlator","version"]' 'the tokens go all the same'

enter
KANDY_PASSWORD=alice-secret run kandy logout --proxy http://127.0.0.1:1 --retry 0
is "$status" 0 'a server that cannot be reached'
like "$err" 'warning: cannot delete the notification channel: ' 'is worth a warning'
is "$(jq -c 'keys' "$cache")" '["correlator","version"]' 'the tokens are deleted'

enter
before=$(jq -s 'map(select(.path=="/cpaas/auth/v1/token"))|length' "$sandbox_record")
jq -c '.expires=1000|.refreshExpires=1000' "$cache" >e && cat e >"$cache"
KANDY_PASSWORD=alice-secret run kandy logout
is "$status" 0 'expired tokens'
is "$(jq -s 'map(select(.path=="/cpaas/auth/v1/token"))|length' "$sandbox_record")" "$before" 'nobody logs in in order to log out'

enter
chmod 644 "$cache"
run kandy logout
is "$status" 0 'a cache that others can read'
like "$err" 'can be read or written by others' 'is worth a warning'
ok 'the cache is deleted' test ! -e "$cache"

enter
echo '{"accessToken":' >"$cache"
run kandy logout
is "$status" 0 'a damaged cache'
like "$err" 'is corrupt' 'a warning names it'
ok 'the corrupt cache is deleted' test ! -e "$cache"
finish
