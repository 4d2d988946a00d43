#!/usr/bin/env bash
# fetch-links: which servers get a request, and which get the token, by the records of both servers.
. "${0%/*}/../lib/tap.sh"
# shellcheck source=../lib/hostile.sh
. "$tests_dir/lib/hostile.sh"
hostile
hostile_foreign
there=${foreign#http://}
cases=0

# origin NAME STATUS OWN FOREIGN ARGUMENT...: what the service and the other server saw: "token", "bare" (a request without it) or "nothing"
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
origin '--allow-host HOST does not allow other ports' 65 nothing nothing --allow-host 127.0.0.1 "$foreign/f/10/x"
origin 'another name of our own host' 65 nothing nothing "http://localhost:${base##*:}/f/10/x"
origin 'user information' 65 nothing nothing "http://$there@${base#http://}/f/10/x"
origin 'our host as user information' 65 nothing nothing --allow-host "$there" "http://${base#http://}@$there/f/10/x"
port=${base##*:}
origin 'our own host in capitals' 0 token nothing "HTTP://${base#http://}/f/10/x"
origin 'a short form of our address, which is the same' 0 token nothing "http://127.1:$port/f/10/x"
origin 'our address as a number' 0 token nothing "http://2130706433:$port/f/10/x"
origin 'our address with a trailing dot' 0 token nothing "http://127.0.0.1.:$port/f/10/x"
origin 'our address as an IPv6 address' 65 nothing nothing "http://[::ffff:127.0.0.1]:$port/f/10/x"
origin 'our address in full-width digits' 65 nothing nothing "http://１２７.0.0.1:$port/f/10/x"
origin 'a name with other letters in it' 65 nothing nothing "http://lоcalhost:$port/f/10/x"
origin 'another port' 65 nothing nothing "http://127.0.0.1:1$port/f/10/x"
origin 'no port' 65 nothing nothing "http://127.0.0.1/f/10/x"
origin 'another scheme' 65 nothing nothing "https://127.0.0.1:$port/f/10/x"
origin 'a link without a scheme to a foreign host' 65 nothing nothing "//$there/f/10/x"
origin 'a backslash before a foreign host' 65 nothing nothing "\\\\$there/f/10/x"
origin 'javascript:, data:, ftp:' 1 nothing nothing 'javascript:alert(1)' 'data:text/plain,x' "ftp://127.0.0.1:$port/x"
origin 'a file: link' 65 nothing nothing file:///etc/passwd
origin 'a redirect on our own server' 0 token nothing "$(to /f/10/y)"
origin 'a redirect to a foreign server' 65 token nothing "$(to "$foreign/f/10/y")"
origin 'a redirect to a foreign server, allowed' 0 token bare --allow-host "$there" "$(to "$foreign/f/10/y")"
origin 'a redirect with each status' 0 token bare --allow-host "$there" "$(to "$foreign/f/10/y")&code=301" "$(to "$foreign/f/10/y")&code=303" \
	"$(to "$foreign/f/10/y")&code=307" "$(to "$foreign/f/10/y")&code=308"
origin 'a redirect there and back: no token after it' 0 token bare --allow-host "$there" "$(to "$foreign/f/10/y?to=$base/f/10/z")"
is "$(grep -c '^GET .* Bearer ' "$asked") $(grep -c '^GET /f/10/z -' "$asked")" '1 1' 'the last request has no token'
origin 'a redirect from a foreign server to ours' 0 bare bare --allow-host "$there" "$foreign/f/10/y?to=$base/f/10/z"
origin 'a redirect from an allowed server to one that is not' 65 nothing bare --allow-host "$there" "$foreign/f/10/y?to=http://127.0.0.1:1/z"
origin 'a redirect to file:' 65 token nothing "$(to file:///etc/passwd)"
origin 'a redirect with user information' 65 token nothing "$(to "http://x@$there/f/1/y")"
origin 'a redirect without Location' 76 token nothing "$(to '')"
origin 'a redirect to a foreign 401: no token renewal' 77 token bare --allow-host "$there" "$(to "$foreign/f/10/y?need=good9")"
is "$(grep -c '^POST' "$asked") $(grep -c '^POST' "$foreign_asked")" '0 0' 'no token was requested'
is "$(find got -name passwd | wc -l)" 0 'no local file was read'
grep -qF 'Bearer' "$foreign_asked"
is $? 1 'the foreign server has never seen a token'

# base URL with https: no request over http
sandbox
: >"$asked"
KANDY_PASSWORD=alice-secret kandy login -q -u alice@sandbox.example >/dev/null
run kandy fetch-links -D tls --allow-host "${base#http://}" "$base/f/10/x"
is "$status" 65 'an http link is refused if the service is https, even if allowed'
like "$err" 'uses plain http, but the service uses https' 'the error names the reason'
run kandy fetch-links -D tls "http://${KANDY_BASE_URL#https://}/x"
is "$status" 65 'an http link to the same host and port is refused'
is "$(cat "$asked")" '' 'there was no request'
cases origins "$cases"
finish
