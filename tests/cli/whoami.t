#!/usr/bin/env bash
# whoami, and the precedence of option, environment, profile, system file, last login and default.
. "${0%/*}/../lib/tap.sh"
sandbox
unset KANDY_CLIENT_ID
base=$KANDY_BASE_URL
config=$HOME/.config/kandy/config
export KANDY_SYSTEM_CONFIG=$scratch/system
setting() { json "$out" ".settings[\"$1\"]|[.value,.source,.where]" "$2" "$3"; }

run kandy whoami
is "$status" 77 'nobody is logged in'
like "$err" "^kandy: whoami: not logged in; run 'kandy login'\$" 'the error says what to do'
json "$out" '[.event,.loggedIn,.profile,.address,.expires,.channel]' '["token",false,"default",null,null,null]' 'the line tells, too'
is "$(jq -r .cache "$out")" "$HOME/.local/state/kandy/default.json" 'where the cache would be'
ok 'the cache is not created' test ! -e "$HOME/.local"

KANDY_PASSWORD=alice-secret run kandy login -u alice@sandbox.example --client-id PUB-sandbox
KANDY_BASE_URL='' run kandy whoami
is "$status" 0 'alice is logged in'
json "$out" '[.loggedIn,.address,.username,.grant,.refreshable]' '[true,"alice@sandbox.example","alice@sandbox.example","password",true]' 'who'
is "$(jq '.expires > now*1000 and .refreshExpires > .expires' "$out")" true 'until when'
setting base-url "[\"$base\",\"login\",\"$HOME/.local/state/kandy/default.json\"]" 'the base URL is that of the login'
setting client-id "[\"PUB-sandbox\",\"login\",\"$HOME/.local/state/kandy/default.json\"]" 'the client ID, too'
setting username "[\"alice@sandbox.example\",\"login\",\"$HOME/.local/state/kandy/default.json\"]" 'the user name, too'
setting timeout '["60s","default",null]' 'a default'
setting retry '["3","default",null]' 'another'

# precedence of the layers
mkdir -p "${config%/*}"
printf 'timeout = 1s\nretry = 11\nclient-id = SYS\nproxy = http://sys:1\nusername = sys@x\n' >"$KANDY_SYSTEM_CONFIG"
run kandy whoami
setting timeout "[\"1s\",\"system\",\"$KANDY_SYSTEM_CONFIG:1\"]" 'the system file wins over the default'
setting client-id "[\"SYS\",\"system\",\"$KANDY_SYSTEM_CONFIG:3\"]" 'the system file wins over the login'
printf 'timeout = 2s\nretry = 22\n[work]\ntimeout = 3s\n' >"$config"
run kandy whoami
setting timeout "[\"2s\",\"profile\",\"$config:1\"]" "the user's file wins over the system's"
setting proxy "[\"http://sys:1\",\"system\",\"$KANDY_SYSTEM_CONFIG:4\"]" 'what it does not set stays'
run kandy whoami -p work
setting timeout "[\"3s\",\"profile\",\"$config:4\"]" "a profile's section wins over what stands before it"
setting retry "[\"22\",\"profile\",\"$config:2\"]" 'which counts for every profile'
KANDY_TIMEOUT=4s run kandy whoami -p work
setting timeout '["4s","environment","KANDY_TIMEOUT"]' 'the environment wins over both'
KANDY_TIMEOUT=4s run kandy whoami -p work --timeout 5s
setting timeout '["5s","option","--timeout"]' 'an option wins over all'
KANDY_PROFILE=work run kandy whoami
json "$out" .profile '"work"' 'the profile from the environment'
KANDY_PROFILE=work run kandy whoami --profile default
json "$out" .profile '"default"' 'the profile from an option'
printf 'timeout = 2s\nretry = lots\n' >"$config"
run kandy whoami
is "$status" 78 'a bad value'
like "$err" "retry.*$config|$config.*retry" 'is named with its file'

# secrets
printf '' >"$config"
KANDY_PASSWORD=alice-secret KANDY_CLIENT_SECRET=other-secret run kandy whoami --password-command 'pass show x'
setting password '["***","environment","KANDY_PASSWORD"]' 'a secret is not shown'
setting client-secret '["***","environment","KANDY_CLIENT_SECRET"]' 'the client secret is not shown'
setting password-command '["pass","option","--password-command"]' 'where it comes from is, by the name of the program'
unlike "$out" 'alice-secret|other-secret' 'really not'
is "$(grep -cF "$(jq -r .accessToken "$HOME/.local/state/kandy/default.json")" "$out")" 0 'no token either'
KANDY_PROXY=http://user:pw@127.0.0.1:1 KANDY_PASSWORD_COMMAND='echo hunter2hunter2' run kandy whoami
setting proxy '["http://***@127.0.0.1:1","environment","KANDY_PROXY"]' 'a proxy, without its user and password'
setting password-command '["echo","environment","KANDY_PASSWORD_COMMAND"]' 'a command, without what it is told'
unlike "$out" 'user:|:pw|hunter2' 'really not'
KANDY_PASSWORD_COMMAND='TOKEN=hunter2 pass' run kandy whoami --base-url https://user:pw@h.example
setting password-command '["***","environment","KANDY_PASSWORD_COMMAND"]' 'a command that begins with a value'
setting base-url '["https://***@h.example","option","--base-url"]' 'a base URL with a password that does not belong there'
printf 'password = x\n' >"$config"
run kandy whoami
is "$status" 78 'a secret in the configuration is refused'
like "$err" 'password-file|password-command' 'the error says what to do instead'
rm "$config" "$KANDY_SYSTEM_CONFIG"

# all settings of all commands
run kandy whoami
kandy help --emit json >listing
is "$(jq -c '.settings | keys' "$out")" "$(jq -c '[.commands[] | select(.name | IN("sandbox", "help", "version") | not) | .options[] |
	select(.environment or .config) | .name] | unique' listing)" 'the settings of all commands'
printf 'max-filesize = 5M\njobs = 7\n' >"$config"
KANDY_MAX_AGE=3d run kandy whoami --retry 9
setting max-filesize "[\"5M\",\"profile\",\"$config:1\"]" 'one of fetch-links, from a file'
setting jobs "[\"7\",\"profile\",\"$config:2\"]" 'one of several commands'
setting max-age '["3d","environment","KANDY_MAX_AGE"]' 'one of flush, from the environment'
setting output-dir '[".","default",null]' 'one that nobody has set'
setting retry '["9","option","--retry"]' 'one given here'
for command in "send -t bob@x -m x" flush "fetch-links x" whoami; do
	KANDY_JOBS=abc run kandy $command
	is "$status" 64 "KANDY_JOBS=abc kandy ${command%% *}"
	like "$err" "invalid KANDY_JOBS 'abc': expected a whole number from 1 to 256" 'says what it takes'
	KANDY_JOBS='' run kandy $command -j 257
	is "$status" 64 "kandy ${command%% *} -j 257"
done
printf 'jobs = 1000\n' >"$config"
for command in "send -t bob@x -m x" flush "fetch-links x" whoami; do
	run kandy $command
	is "$status" 78 "jobs = 1000, kandy ${command%% *}"
done
rm "$config"

# expired tokens
cache=$HOME/.local/state/kandy/default.json
edit() { jq -c "$1" "$cache" >edited && cat edited >"$cache"; }
edit '.expires=1000'
run kandy whoami
is "$status" 0 'a token that can be renewed is as good'
edit '.refreshExpires=1000'
run kandy whoami
is "$status" 77 'but not for ever'
like "$err" 'login expired' 'which is said'
json "$out" '[.loggedIn,.refreshable,.refreshExpires,.address]' '[false,false,1000,"alice@sandbox.example"]' 'the line names the account'
is "$(jq -s 'map(select(.kind=="request"))|length' "$sandbox_record")" 1 'nobody was asked but at the login'
finish
