#!/usr/bin/env bash
# fetch-links: who is asked, and who sees the token. Asserted on what both servers were sent.
. "${0%/*}/../lib/tap.sh"
# shellcheck source=../lib/hostile.sh
. "$tests_dir/lib/hostile.sh"
hostile
hostile_foreign
there=${foreign#http://}
cases=0

# origin NAME STATUS OWN FOREIGN ARGUMENT...: what the service and the other server saw: "token", "bare" (asked without it) or "nothing"
saw() { if grep -q '^GET .* Bearer ' "$1"; then echo token; elif grep -q '^GET' "$1"; then echo bare; else echo nothing; fi; }
origin() {
	local name=$1 wanted="$2 $3 $4"
	shift 4
	: >"$asked"
	: >"$foreign_asked"
	run kandy fetch-links -D got --retry 0 "$@"
	is "$status $(saw "$asked") $(saw "$foreign_asked")" "$wanted" "$name"
	cases=$((cases + 1))
}
to() { printf '/f/10/x?to=%s' "$1"; }

origin 'our own link, relative' 0 token nothing /f/10/x
origin 'our own link, absolute' 0 token nothing "$base/f/10/x"
origin 'a foreign link' 65 nothing nothing "$foreign/f/10/x"
origin 'a foreign link, allowed' 0 nothing bare --allow-host "$there" "$foreign/f/10/x"
origin 'allowed is a port, not a host' 65 nothing nothing --allow-host 127.0.0.1 "$foreign/f/10/x"
origin 'another name of our own host' 65 nothing nothing "http://localhost:${base##*:}/f/10/x"
origin 'user information' 65 nothing nothing "http://$there@${base#http://}/f/10/x"
origin 'our host as user information' 65 nothing nothing --allow-host "$there" "http://${base#http://}@$there/f/10/x"
port=${base##*:}
origin 'our own host in capitals' 0 token nothing "HTTP://${base#http://}/f/10/x"
origin 'a short form of our address, which is the same' 0 token nothing "http://127.1:$port/f/10/x"
origin 'its number' 0 token nothing "http://2130706433:$port/f/10/x"
origin 'with a dot behind it' 0 token nothing "http://127.0.0.1.:$port/f/10/x"
origin 'as an IPv6 address: another one' 65 nothing nothing "http://[::ffff:127.0.0.1]:$port/f/10/x"
origin 'in wide digits' 65 nothing nothing "http://１２７.0.0.1:$port/f/10/x"
origin 'a name with other letters in it' 65 nothing nothing "http://lоcalhost:$port/f/10/x"
origin 'another port' 65 nothing nothing "http://127.0.0.1:1$port/f/10/x"
origin 'no port' 65 nothing nothing "http://127.0.0.1/f/10/x"
origin 'another scheme' 65 nothing nothing "https://127.0.0.1:$port/f/10/x"
origin 'a link without a scheme to a foreign host' 65 nothing nothing "//$there/f/10/x"
origin 'a backslash before a foreign host' 65 nothing nothing "\\\\$there/f/10/x"
origin 'javascript:, data:, ftp:' 1 nothing nothing 'javascript:alert(1)' 'data:text/plain,x' "ftp://127.0.0.1:$port/x"
origin 'a file: link' 65 nothing nothing file:///etc/passwd
origin 'a redirect on our own server' 0 token nothing "$(to /f/10/y)"
origin 'to a foreign server' 65 token nothing "$(to "$foreign/f/10/y")"
origin 'to a foreign server, allowed' 0 token bare --allow-host "$there" "$(to "$foreign/f/10/y")"
origin 'with every code' 0 token bare --allow-host "$there" "$(to "$foreign/f/10/y")&code=301" "$(to "$foreign/f/10/y")&code=303" \
	"$(to "$foreign/f/10/y")&code=307" "$(to "$foreign/f/10/y")&code=308"
origin 'there and back again: the token stays away' 0 token bare --allow-host "$there" "$(to "$foreign/f/10/y?to=$base/f/10/z")"
is "$(grep -c '^GET .* Bearer ' "$asked") $(grep -c '^GET /f/10/z -' "$asked")" '1 1' 'the last request has none'
origin 'from a foreign server to ours' 0 bare bare --allow-host "$there" "$foreign/f/10/y?to=$base/f/10/z"
origin 'from an allowed server to one that is not' 65 nothing bare --allow-host "$there" "$foreign/f/10/y?to=http://127.0.0.1:1/z"
origin 'to file:' 65 token nothing "$(to file:///etc/passwd)"
origin 'to user information' 65 token nothing "$(to "http://x@$there/f/1/y")"
origin 'without saying where' 76 token nothing "$(to '')"
origin 'to a 401 elsewhere: no new token for that' 77 token bare --allow-host "$there" "$(to "$foreign/f/10/y?need=good9")"
is "$(grep -c '^POST' "$asked") $(grep -c '^POST' "$foreign_asked")" '0 0' 'nobody was asked for a token'
is "$(find got -name passwd | wc -l)" 0 'no local file was read'
grep -qF 'Bearer' "$foreign_asked"
is $? 1 'the other server has seen no token at all'

# https in the configuration: nothing goes out in plain
sandbox
: >"$asked"
KANDY_PASSWORD=alice-secret kandy login -q -u alice@sandbox.example >/dev/null
run kandy fetch-links -D tls --allow-host "${base#http://}" "$base/f/10/x"
is "$status" 65 'a plain link is refused where the service is https, allowed or not'
like "$err" 'uses plain http, but the service uses https' 'and says why'
run kandy fetch-links -D tls "http://${KANDY_BASE_URL#https://}/x"
is "$status" 65 'also on the same host and port'
is "$(cat "$asked")" '' 'nothing was asked'
cases origins "$cases"
finish
