#!/usr/bin/env bash
# Expiring tokens: refreshed in time, by one process for all, or replaced by a login.
. "${0%/*}/../lib/tap.sh"
cache=$HOME/.local/state/kandy/default.json
export KANDY_RETRY_DELAY=20ms KANDY_USERNAME=alice@sandbox.example
begin() { # OPTION...: a sandbox, and alice logged in and subscribed
	restart_sandbox "$@"
	KANDY_PASSWORD=alice-secret kandy login -q >/dev/null && kandy subscribe chat >/dev/null
}
# age half|dead: changes the age of the cached token; the server is not affected
age() {
	local filter
	case $1 in
	half) filter='(now*1000|floor) as $n | .issued=$n-1000000 | .expires=$n+900000' ;;
	dead) filter='.issued=1000 | .expires=2000' ;;
	refresh-dead) filter='.issued=1000 | .expires=2000 | .refreshExpires=3000' ;;
	refresh-unknown) filter='.issued=1000 | .expires=2000 | .refreshToken="never-issued-by-anyone"' ;;
	esac
	jq -c "$filter" "$cache" >aged && cat aged >"$cache"
}
grants() { jq -sc 'map(select(.path=="/cpaas/auth/v1/token") | .form.grant_type)' "$sandbox_record"; }
command='kandy subscribe --list'

begin
run $command
is "$(grants)" '["password"]' 'a fresh token is not renewed'
age half
old=$(jq -r .accessToken "$cache")
run $command
is "$status $(grants)" '0 ["password","refresh_token"]' 'once half of its life is over, it is'
ok 'the new one is in the cache' test "$(jq -r .accessToken "$cache")" != "$old"
is "$(jq -c '[.expires - .issued, (.issued/1000 - now|fabs) < 60]' "$cache")" '[3600000,true]' 'its lifetime is stored'
is "$(jq -sc 'map(select(.path=="/cpaas/auth/v1/token"))|.[-1].form|keys' "$sandbox_record")" \
	'["client_id","grant_type","refresh_token"]' 'what is sent for it'
is "$(jq -c '.subscriptions|length' "$cache")" 1 'channel and subscription are untouched'
run $command
is "$(grants)" '["password","refresh_token"]' 'which is enough'
age dead
run $command
is "$status $(grants)" '0 ["password","refresh_token","refresh_token"]' 'a token that has run out'

# refused by the server before its end
control '{"do":"expire-tokens"}'
run $command
is "$status" 0 'a token that the server does not know any more'
is "$(jq -sc 'map(select(.kind=="request" and (.path|endswith("control")|not)))|.[-4:]|map([.method,(.path|split("/")|.[-1]|sub("ws-.*";"ID")),.status])' "$sandbox_record")" \
	'[["GET","ID",401],["POST","token",200],["GET","ID",200],["GET","subscriptions",200]]' '401, a renewal, and the call once more'

# ---- a refresh that is refused
age refresh-unknown
run $command
is "$status" 77 'a refresh token that the server does not take'
like "$err" "^kandy: subscribe: login expired; run 'kandy login'\$" 'what helps'
is "$(jq -c .refreshToken "$cache")" null 'it is not tried again'
before=$(grants)
run $command
is "$status $(grants)" "77 $before" 'not even once'
KANDY_PASSWORD=alice-secret run $command
is "$status" 0 'a password source helps'
is "$(grants | jq -c '.[-1]')" '"password"' 'it logs in again by itself'
is "$(wc -c <"$err")" 0 'silently'
is "$(jq -c '.subscriptions|length' "$cache")" 1 'the channel is kept'
age refresh-unknown
printf 'alice-secret\n' >pw && chmod 600 pw
run $command --password-file pw
is "$status $(grants | jq -c '.[-2:]')" '0 ["refresh_token","password"]' 'refused, then logged in'
age refresh-dead
run $command --password-file pw
is "$status $(grants | jq -c '.[-2:]')" '0 ["password","password"]' 'a refresh token known to be dead is not even sent'
age refresh-dead
KANDY_PASSWORD=wrong-password run $command
is "$status" 77 'a wrong password'
like "$err" 'wrong user name or password' 'which is said'
age refresh-dead
run $command
is "$status" 77 'no password'
like "$err" "login expired; run 'kandy login'" 'what helps'
rm "$cache"
KANDY_PASSWORD=alice-secret run $command
is "$status" 0 'without any cache, a password is enough'
is "$(jq -r .address "$cache")" alice@sandbox.example 'the cache is created'

# ---- a refresh that fails temporarily
begin --fault 'POST token 2+:503'
age half
run $command
is "$status $(grants | jq length)" '0 2' 'the old token lives: a renewal that fails is no failure, and not repeated'
is "$(wc -c <"$err")" 0 'nothing is printed'
age dead
run $command
is "$status" 69 'but without a token'
is "$(grants | jq length)" 6 'after the retries'
like "$err" 'status 503' 'it is said'
begin --fault 'POST token 2:503,3:429/0'
age dead
run $command
is "$status $(grants | jq length)" '0 4' 'failures that pass'
begin --fault 'POST token 2:html'
age dead
run $command
is "$status" 76 'HTML where a token should be'
like "$err" 'response to POST /cpaas/auth/v1/token: status 200, not JSON \(text/html' 'status, type, where'

# ---- a lifetime of two seconds, used until three refreshes. Only a call that takes longer than the second half of that
# lifetime (on a busy machine) may be too late with its token.
begin --token-life 2s
now() { date +%s%3N; }
renewals() { grants | jq 'map(select(. == "refresh_token")) | length'; }
begun=$(now) calls=0 failed=0 slow=0
: >"$err"
while [ "$(renewals)" -lt 3 ] && [ "$calls" -lt 5000 ]; do
	calls=$((calls + 1)) started=$(now)
	$command >/dev/null 2>>"$err" || failed=$((failed + 1))
	[ $(($(now) - started)) -lt 900 ] || slow=$((slow + 1))
done
lived=$(($(now) - begun))
is "$failed" 0 "tokens of two seconds: $calls calls, none failed"
ok "none was refused, since they were renewed in time ($slow calls were slow)" \
	test "$(jq -s 'map(select(.status==401))|length' "$sandbox_record")" -le "$slow"
ok "renewals: $(grants | jq length) in $lived ms, one for each half of a life at most" test "$(grants | jq length)" -le $((lived / 1000 + 3))

# ---- many processes
begin
age dead
for i in $(seq 200); do
	{ $command >/dev/null 2>"many.$i"; echo $? >"status.$i"; } &
done
wait_jobs
is "$(cat status.* | sort | uniq -c | tr -d ' \n')" 2000 '200 processes with a token that has run out: all well'
is "$(grants)" '["password","refresh_token"]' 'one renewal for all'
is "$(cat many.* | wc -c)" 0 'nothing is said'
ok 'the cache is whole' jq -e .accessToken "$cache"
is "$(find "$HOME/.local" -name '*.tmp' -o -name '*corrupt*' | wc -l)" 0 'no temporary file is left'
rm "$cache"
for i in $(seq 20); do KANDY_PASSWORD=alice-secret $command >/dev/null 2>&1 & done
wait_jobs
is "$(grants)" '["password","refresh_token","password"]' '20 that have to log in: one login'

# ---- many processes while the service is down: their attempts do not add up
begin
age dead
away() { # COUNT: so many at once; the seconds until the last of them has ended
	local begun=$SECONDS
	rm -f status.*
	for i in $(seq "$1"); do
		{ KANDY_PROXY=http://127.0.0.1:9 KANDY_RETRY_DELAY=1s $command >/dev/null 2>"many.$i"; echo $? >"status.$i"; } &
	done
	wait_jobs
	lasted=$((SECONDS - begun))
}
away 20
is "$(sort status.* | uniq -c | tr -d ' \n')" 2069 '20 processes, and the service is away: each says so'
ok "    after its own three seconds, not after all of theirs ($lasted)" test "$lasted" -lt 30

# ---- killed during a refresh
begin --fault 'POST token 2:hang'
age dead
$command >/dev/null 2>&1 &
victim=$!
two_grants() { [ "$(grants | jq length)" = 2 ]; }
wait_for two_grants
kill -9 "$victim" # which is kandy itself: the wrapper has become it
wait "$victim" 2>/dev/null
# the lock ends with its process: the next one does not wait
KANDY_TIMEOUT=1h KANDY_PASSWORD=alice-secret run timeout "$patience" $command
is "$status" 0 'one that was killed while it renewed the token does not block the next'
finish
