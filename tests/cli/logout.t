#!/usr/bin/env bash
# logout: the tokens go, whatever the server says to it.
. "${0%/*}/../lib/tap.sh"
sandbox
cache=$HOME/.local/state/kandy/default.json
deleted() { jq -s 'map(select(.method=="DELETE" and .status==204) | .path | split("/") | .[-2])' "$sandbox_record" | jq -c .; }
enter() {
	KANDY_PASSWORD=alice-secret kandy login -q -u alice@sandbox.example >/dev/null && kandy subscribe chat >/dev/null
}

run kandy logout
is "$status" 0 'to log out without having logged in is no error'
json "$out" '[.event,.loggedIn,.address]' '["token",false,null]' 'and the line tells'
enter
correlator=$(jq -r .correlator "$cache")
token=$(jq -r .accessToken "$cache")
run kandy logout
is "$status" 0 'log out'
json "$out" '[.event,.loggedIn,.address,.expires]' '["token",false,"alice@sandbox.example",null]' 'with who it was'
is "$(deleted)" '["subscriptions","channels"]' 'subscription and channel are deleted on the server'
is "$(jq -c 'keys' "$cache")" '["correlator","version"]' 'nothing is left in the cache'
is "$(jq -r .correlator "$cache")" "$correlator" 'but the name of this installation'
is "$(grep -c "$token" -r "$HOME" | grep -vc ':0$')" 0 'the token is nowhere'
is "$(stat -c %a "$cache")" 600 'the file is still private'
run kandy subscribe chat
is "$status" 77 'and nothing works any more'

enter
is "$(jq -r .correlator "$cache")" "$correlator" 'the next login has the same correlator'
run kandy logout --base-url https://127.0.0.1:1 --retry 0
is "$status" 0 'the server of other settings is not asked'
is "$(jq -c 'keys' "$cache")" '["correlator","version"]' 'the tokens go all the same'

enter
KANDY_PASSWORD=alice-secret run kandy logout --proxy http://127.0.0.1:1 --retry 0
is "$status" 0 'a server that cannot be reached'
like "$err" 'warning: the channel could not be deleted on the server: ' 'is worth a warning'
is "$(jq -c 'keys' "$cache")" '["correlator","version"]' 'and no reason to keep the tokens'

enter
before=$(jq -s 'map(select(.path=="/cpaas/auth/v1/token"))|length' "$sandbox_record")
jq -c '.expires=1000|.refreshExpires=1000' "$cache" >e && cat e >"$cache"
KANDY_PASSWORD=alice-secret run kandy logout
is "$status" 0 'with tokens that have run out'
is "$(jq -s 'map(select(.path=="/cpaas/auth/v1/token"))|length' "$sandbox_record")" "$before" 'nobody logs in in order to log out'

enter
chmod 644 "$cache"
run kandy logout
is "$status" 0 'a cache that others can read'
like "$err" 'can be read or written by others' 'is worth a warning'
ok 'and is removed' test ! -e "$cache"

enter
echo '{"accessToken":' >"$cache"
run kandy logout
is "$status" 0 'a damaged cache'
like "$err" 'is damaged' 'is said to be one'
ok 'and is gone' test ! -e "$cache"
finish
