#!/usr/bin/env bash
# login: every source of a secret, the requests, and the errors.
. "${0%/*}/../lib/tap.sh"
sandbox

hash_of() { printf 'sha256:%s' "$(printf %s "$1" | sha256sum | head -c 16)"; }
last() { jq -c "select(.path==\"/cpaas/auth/v1/token\") | $1" "$sandbox_record" | tail -n 1; }
login() { run kandy login -u alice@sandbox.example "$@"; }
asked() { jq -s 'map(select(.path=="/cpaas/auth/v1/token")) | length' "$sandbox_record"; }
secret=\"$(hash_of alice-secret)\"
cache=$HOME/.local/state/kandy/default.json

# ---- sources
good() { # NAME
	is "$status" 0 "$1"
	is "$(last .form.password)" "$secret" "$1: the password as it should be"
	is "$(wc -c <"$err")" 0 "$1: nothing is said"
}
printf 'alice-secret\n' >pw && chmod 600 pw
login --password-file pw
good --password-file
json "$out" '[.event,.loggedIn,.address,.username,.grant,.clientId,.profile,.refreshable]' \
	'["token",true,"alice@sandbox.example","alice@sandbox.example","password","PUB-sandbox","default",true]' 'the line'
is "$(jq '.expires-.issued' "$out")" 3600000 'until when, in milliseconds'
is "$(last '.form|keys|tostring')" '"[\"client_id\",\"grant_type\",\"password\",\"scope\",\"username\"]"' 'the form has these fields'
is "$(last '.headers.authorization')" null 'no bearer token is sent'
is "$(stat -c %a "$cache")" 600 'the cache is private'

printf 'alice-secret' >pw
login --password-file pw
good 'a file without a newline'
printf 'alice-secret\r\n' >pw
login --password-file pw
good 'a file with CR LF'
login --password-file <(echo alice-secret)
good 'process substitution'
echo alice-secret | kandy login -u alice@sandbox.example --password-file /dev/stdin >"$out" 2>"$err"
status=$?
good '/dev/stdin'
exec 7<<<alice-secret
login --password-file /dev/fd/7
good '/dev/fd/N'
exec 7<&-
echo alice-secret | kandy login -u alice@sandbox.example --password-stdin >"$out" 2>"$err"
status=$?
good --password-stdin
login --password-command 'echo alice-secret; echo second line'
good '--password-command takes the first line'
KANDY_PASSWORD=alice-secret login
good KANDY_PASSWORD
KANDY_PASSWORD_FILE=pw login
good KANDY_PASSWORD_FILE
mkdir creds && echo alice-secret >creds/kandy-password
CREDENTIALS_DIRECTORY=$PWD/creds login
good "systemd's credential, whose directory is guarded"

# ---- precedence
KANDY_PASSWORD=wrong-one login --password-file pw
is "$status" 0 'an option wins over the environment'
mkdir -p "$HOME/.config/kandy"
echo 'password-file = /nowhere' >"$HOME/.config/kandy/config"
KANDY_PASSWORD=alice-secret login
is "$status" 0 'the environment wins over the configuration'
login
is "$status" 66 'then the configuration counts'
like "$err" "^kandy: login: cannot open the password file '/nowhere': No such file" 'the file is named'
rm "$HOME/.config/kandy/config"

# ---- invalid sources
before=$(asked)
refused() { # STATUS REGEX NAME
	is "$status" "$1" "$3"
	like "$err" "$2" "$3: says why"
	is "$(wc -l <"$err")" 1 "$3: in one line"
}
printf 'alice-secret\n' >pw
for mode in 640 604 620; do
	chmod $mode pw
	login --password-file pw
	refused 78 "the password file 'pw' can be read or written by others \(mode 0$mode\); run 'chmod 600 pw'" "mode $mode"
done
chmod 600 pw
login --password-file missing
refused 66 "cannot open the password file 'missing': No such file or directory" 'no such file'
login --password-file .
refused 78 'is a directory' 'a directory'
for text in '' '\n' '\r\n'; do
	printf "$text" >empty && chmod 600 empty
	login --password-file empty
	refused 78 "'empty': empty password" "an empty secret ($text)"
done
printf 'one\ntwo\n' >two && chmod 600 two
login --password-file two
refused 78 'more than one line' 'two lines'
printf 'a\0b\n' >nul && chmod 600 nul
login --password-file nul
refused 78 'NUL' 'a NUL byte'
head -c 100000 /dev/zero | tr '\0' x >big && chmod 600 big
login --password-file big
refused 65 'larger than 65536 bytes' 'a file that is no password'
KANDY_PASSWORD='' login
refused 77 'no source of the password' 'an empty variable is none'
login --password-stdin
refused 78 'stdin: empty password' 'empty stdin'
login --password-command 'exit 3'
refused 77 "the password command 'exit' failed with exit status 3" 'a command that fails'
login --password-command '/no/such/helper --token=abcdef'
is "$status" 77 'a command that does not exist'
like "$err" "the password command '/no/such/helper' failed with exit status 127" 'is named by its first word'
unlike "$err" 'kandy.*abcdef' 'its arguments are not shown'
login --password-command 'PW=hidden-value; exit 1'
refused 77 'the password command failed with exit status 1' 'an assignment is not named'
login --password-command 'kill -9 $$'
refused 77 "the password command 'kill' was killed by signal 9" 'a command that is killed'
login --password-command true
refused 78 "the password command 'true': empty password" 'a command that says nothing'
login
refused 77 "no source of the password is configured; see 'kandy login --help'" 'no source, and no terminal'
run kandy login --profile fresh --password-file pw
refused 78 'missing user name; give --username' 'no user name'
KANDY_CLIENT_ID='' login --profile fresh --password-file pw
refused 78 'missing client ID; give --client-id' 'no client ID'
is "$(asked)" "$before" 'nobody was asked in all of that'

login --password=alice-secret
is "$status" 64 'there is no option for the password itself'
unlike "$err" alice-secret 'its value is not repeated'

# ---- the environment of a password command
login --password-command 'echo "[${KANDY_PASSWORD-none}]" >env; echo talk >&2; cat >stdin; echo alice-secret'
is "$status" 0 'a command of several'
is "$(cat env)" '[none]' 'knows no password'
KANDY_PASSWORD=alice-secret KANDY_CLIENT_SECRET=x login --password-command \
	'echo "[${KANDY_PASSWORD-none}${KANDY_CLIENT_SECRET-none}]" >env; echo talk >&2; echo alice-secret'
is "$(cat env)" '[nonenone]' 'not even ours'
like "$err" '^talk$' 'its stderr is passed through'
is "$(wc -c <stdin)" 0 'it does not eat our stdin'

# ---- refused by the server
KANDY_PASSWORD=wrong-password login
refused 77 "^kandy: login: wrong user name or password for 'alice@sandbox.example' at $KANDY_BASE_URL\$" 'a wrong password'
unlike "$err" wrong-password 'which is not repeated'
KANDY_PASSWORD=alice-secret run kandy login -u nobody@sandbox.example
refused 77 "wrong user name or password for 'nobody@" 'an unknown user'
KANDY_PASSWORD=alice-secret login --client-id PUB-other
refused 77 "rejects the client ID 'PUB-other'" 'an unknown client ID'
is "$(jq -r .address <(kandy whoami))" alice@sandbox.example 'what was there before is still there'

# ---- no connection
export KANDY_PASSWORD=alice-secret
login --base-url "https://$(no_such_host)" --retry 0
refused 69 "cannot resolve host '$(no_such_host)'" 'an unknown host'
login --base-url https://127.0.0.1:1 --retry 0
refused 69 'cannot connect' 'nobody listens'
KANDY_CACERT='' login --retry 0
is "$status" 78 'a certificate that nobody vouches for'
login --base-url ftp://host
refused 78 'scheme' 'a base URL that is none'
KANDY_BASE_URL='' run kandy login --profile fresh -u a@b
refused 78 'missing base URL; give --base-url, set KANDY_BASE_URL' 'no base URL'
KANDY_CACERT='' login -k
is "$status" 0 '--insecure works'
like "$err" '^kandy: login: warning: TLS verification is disabled' '--insecure warns'
unset KANDY_PASSWORD

# ---- project
KANDY_CLIENT_SECRET=sandbox-secret run kandy login --profile robot --project
is "$status" 0 'a project'
json "$out" '[.grant,.username,.address,.profile]' '["client_credentials",null,"project@sandbox.example","robot"]' 'is logged in'
is "$(last '.form|[.grant_type,.client_secret,.username,.scope]|tostring')" \
	"\"[\\\"client_credentials\\\",\\\"$(hash_of sandbox-secret)\\\",null,\\\"openid\\\"]\"" 'by its secret alone'
printf 'sandbox-secret\n' >cs && chmod 600 cs
run kandy login --profile robot --client-secret-file cs
is "$status" 0 'again, without --project: the profile knows'
run kandy login --profile robot --project --client-secret-command 'echo sandbox-secret'
is "$status" 0 '--client-secret-command'
echo sandbox-secret >creds/kandy-client-secret
CREDENTIALS_DIRECTORY=$PWD/creds run kandy login --profile robot --project
is "$status" 0 "systemd's credential"
KANDY_CLIENT_SECRET=wrong-secret run kandy login --profile robot --project
refused 77 "rejects the client ID 'PUB-sandbox' with this client secret" 'a wrong client secret'

# ---- no secret in traces and messages
run kandy login -u alice@sandbox.example --password-file pw -v --trace trace
is "$status" 0 'a login with a trace'
token=$(jq -r .accessToken "$cache")
ok 'the trace tells of the request' grep -q '/cpaas/auth/v1/token' trace
for file in trace "$out" "$err"; do
	unlike "$file" 'alice-secret' "no password in ${file##*/}"
	is "$(grep -cF -- "$token" "$file")" 0 "no token in ${file##*/}"
	is "$(grep -cF -- "$(jq -r .refreshToken "$cache")" "$file")" 0 "no refresh token in ${file##*/}"
done

# only one source may be given
run kandy login -u alice@sandbox.example --password-file pw --password-stdin
is "$status $(cat "$err")" '64 kandy: login: --password-file and --password-stdin are mutually exclusive' 'two sources at once'
run kandy login -u alice@sandbox.example --password-command 'cat pw' --password-stdin
is "$status" 64 'two others'
run kandy login -u alice@sandbox.example --password-file -
is "$status $(cat "$err")" "64 kandy: login: invalid --password-file '-': use /dev/stdin" 'a file that is stdin'
finish
