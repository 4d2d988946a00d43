#!/usr/bin/env bash
# Proxies: --proxy, the environment variables of curl and their exceptions, for requests and for the WebSocket.
. "${0%/*}/../lib/tap.sh"

export KANDY_PASSWORD=alice-secret KANDY_USERNAME=alice@sandbox.example KANDY_CLIENT_ID=PUB-sandbox KANDY_RETRY=0

# proxy [MODE]: starts one; sets $proxy_url and $proxy_log
proxy() {
	proxy_log=$scratch/proxy.$RANDOM
	: >"$proxy_log"
	node "$tests_dir/lib/proxy.cjs" "$proxy_log" "$@" >"$proxy_log.port" 2>"$proxy_log.err" </dev/null &
	tap_pids+=($!)
	wait_for grep -q . "$proxy_log.port" || { echo "Bail out! the proxy did not start"; show "$proxy_log.err"; exit 1; }
	proxy_url=http://127.0.0.1:$(cat "$proxy_log.port")
}
through() { # N NAME: the number of connections through the proxy since the last call
	is "$(grep -c '' "$proxy_log")" "$1" "$2"
	: >"$proxy_log"
}

sandbox
service=${KANDY_BASE_URL#https://}
proxy

run kandy login --proxy "$proxy_url"
is "$status" 0 '--proxy'
like "$proxy_log" "^CONNECT $service 200 .*user-agent" '--proxy: CONNECT with a User-Agent'
unlike "$proxy_log" 'authorization|x-cpaas-agent' '--proxy: no token or agent header in CONNECT'
through 1 '--proxy: one connection'

https_proxy=$proxy_url run kandy login
through 1 'https_proxy'
HTTPS_PROXY=$proxy_url run kandy login
through 1 'HTTPS_PROXY'
all_proxy=$proxy_url run kandy login
through 1 'all_proxy'
KANDY_PROXY=$proxy_url run kandy login
through 1 'KANDY_PROXY'
http_proxy=$proxy_url run kandy login
through 0 'http_proxy is for http'
https_proxy=$proxy_url run kandy login --proxy ''
is "$status" 0 "--proxy '' works"
through 0 "--proxy '' disables the proxy"
for except in 127.0.0.1 127.0.0.0/8 '*' 'other.example, 127.0.0.1'; do
	https_proxy=$proxy_url no_proxy=$except run kandy login
	is "$status" 0 "no_proxy='$except'"
	through 0 "no_proxy='$except': a direct connection"
done
https_proxy=$proxy_url no_proxy=other.example run kandy login
through 1 'no_proxy for another host'
https_proxy=$proxy_url no_proxy=localhost run kandy login --base-url "https://localhost:${service##*:}"
is "$status" 0 'localhost, excepted by name'
through 0 'no_proxy=localhost: a direct connection'

# a request with a token
run kandy subscribe chat --proxy "$proxy_url"
is "$status" 0 'a request with a token'
unlike "$proxy_log" 'authorization' 'the proxy does not see the token'
through 1 'a request with a token: one connection'

# listen: one connection for requests, one for the WebSocket
# listens "N of M" NAME: N of the M connections of a listener use the proxy
connections() { jq -r 'select(.kind == "request").connection' "$sandbox_record" | sort -u | wc -l; }
connections_are() { [ "$(connections)" = "$1" ]; }
listens() {
	local seen pid
	: >"$proxy_log"
	: >"$sandbox_record"
	rm -f beat
	kandy listen --since none --heartbeat beat </dev/null >"$out" 2>"$err" &
	pid=$!
	wait_for connections_are "${1#* of }"
	wait_for test -e beat
	kill "$pid"
	wait "$pid"
	is $? 143 "listen, $2"
	json "$sandbox_record" 'select(.path | strings | endswith("/websocket")) | .status' 101 "listen, $2: the WebSocket is open"
	seen=$(connections)
	is "$(grep -c "^CONNECT $service 200" "$proxy_log") of $seen" "$1" "listen, $2: connections through the proxy"
}
KANDY_PROXY=$proxy_url listens '2 of 2' 'KANDY_PROXY'
https_proxy=$proxy_url listens '2 of 2' 'https_proxy'
all_proxy=$proxy_url listens '2 of 2' 'all_proxy'
http_proxy=$proxy_url listens '0 of 2' 'http_proxy, which is for http'
https_proxy=$proxy_url no_proxy=127.0.0.1 listens '0 of 2' 'no_proxy'
https_proxy=$proxy_url no_proxy=localhost KANDY_BASE_URL=https://localhost:${service##*:} listens '0 of 2' 'localhost in no_proxy'
: >"$proxy_log"

# proxies that fail
run kandy login --proxy http://127.0.0.1:1
is "$status" 69 'an unreachable proxy: 69'
like "$err" "cannot connect to proxy '127\.0\.0\.1:1': Connection refused" 'the error names the proxy'
run kandy login --proxy "http://$(no_such_host):3128"
is "$status" 69 'an unknown proxy: 69'
like "$err" "cannot resolve proxy '$(no_such_host):3128'" 'the error names the unknown proxy'
proxy refuse
run kandy login --proxy "$proxy_url"
is "$status" 69 'a proxy that refuses: 69'
like "$err" "proxy '127\.0\.0\.1:[0-9]+' refused to connect to '$service' \(status 403\)" 'the error names the proxy and the status'
proxy 'proxy-user:proxy-pass-phrase'
run kandy login --proxy "$proxy_url"
is "$status" 78 'a proxy that requires a password: 78'
like "$err" 'requires a user name and password' 'the error says what is missing'
https_proxy=http://proxy-user:proxy-pass-phrase@${proxy_url#http://} run kandy login --trace trace.log
is "$status" 0 'a password for the proxy from the environment'
ok 'there is a trace' test -s trace.log
unlike trace.log "proxy-pass-phrase|$(printf 'proxy-user:proxy-pass-phrase' | base64)" 'the password is not in the trace, plain or encoded'
https_proxy=http://proxy-user:proxy-pass-phrase@${proxy_url#http://} listens '2 of 2' 'listen: a password for the proxy'
unlike "$err" 'proxy-pass-phrase' 'listen does not print the password'

# passwords are never printed
run kandy login --proxy http://user:topsecretpw@127.0.0.1:1
is "$status" 64 'a password in the option: 64'
is "$(cat "$err")" "kandy: login: option '--proxy' takes no password, because command lines are visible to other users; put it into 'KANDY_PROXY' or 'https_proxy' in the environment, or into 'proxy' in the configuration file" 'the error says where to put the password'
mkdir -p "$HOME/.config/kandy"
(umask 077 && echo "proxy = http://proxy-user:proxy-pass-phrase@${proxy_url#http://}" >"$HOME/.config/kandy/config")
run kandy login
is "$status" 0 'a password for the proxy from the configuration file'
rm "$HOME/.config/kandy/config"
for variable in KANDY_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY; do
	rm -f trace.log
	for bad in htp://user:topsecretpw@h:99 http://user:topsecretpw@h:99999 'http://user:topsecretpw@h h:99' 'http://user:top%73ecretpw/@h'; do
		run env "$variable=$bad" kandy conversations -v --trace trace.log
		is "$status" 78 "$variable=$bad: 78"
		like "$err" 'invalid proxy: expected \[SCHEME://\]' "$variable=$bad: the error shows the expected form"
		cat "$out" "$err" >>trace.log
	done
	unlike trace.log 'topsecretpw|top%73ecretpw|user:' "$variable: no password in messages or trace"
done
run kandy login --base-url https://user:topsecretpw@h.example --trace trace.log
is "$status" 78 'a password in the base URL: 78'
like "$err" "invalid base URL 'https://\*\*\*@h\.example': user information" 'the error redacts the password'
unlike trace.log topsecretpw 'the trace redacts the password'

# plain http: the proxy sees the requests
proxy
sandbox --no-tls
http_proxy=$proxy_url run kandy login
is "$status" 0 'http_proxy for a service on plain http'
like "$proxy_log" "^POST http://127\.0\.0\.1:[0-9]+/cpaas/auth/v1/token 200" 'http_proxy: the request goes through the proxy'

finish
