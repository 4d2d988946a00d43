#!/usr/bin/env bash
# Profiles are independent; a session is not used with the settings of another account.
. "${0%/*}/../lib/tap.sh"
sandbox
mkdir -p "$HOME/.config/kandy"
printf 'alice-secret\n' >pw-a && printf 'bob-secret\n' >pw-b && chmod 600 pw-*
cat >"$HOME/.config/kandy/config" <<END
base-url = $KANDY_BASE_URL
client-id = PUB-sandbox
[a]
username = alice@sandbox.example
password-file = $PWD/pw-a
[b]
username = bob@sandbox.example
password-command = cat $PWD/pw-b
END
unset KANDY_BASE_URL KANDY_CLIENT_ID

kandy login -p a >a 2>&1 & kandy login -p b >b 2>&1 & KANDY_PROFILE=b kandy login >b2 2>&1 &
wait_jobs
is "$(jq -r .address a b b2 | paste -sd' ')" 'alice@sandbox.example bob@sandbox.example bob@sandbox.example' 'three logins at once, two profiles'
for p in a b a b; do kandy subscribe chat -p $p >sub-$p & done
wait_jobs
is "$(kandy whoami -p a | jq -r .address) $(kandy whoami -p b | jq -r .address)" 'alice@sandbox.example bob@sandbox.example' 'each is who it was'
ok 'each has a channel of its own' test "$(kandy whoami -p a | jq -r .channel.id)" != "$(kandy whoami -p b | jq -r .channel.id)"
run kandy whoami
is "$status" 77 'the default profile is nobody'
json "$out" '[.profile,.settings.username.value]' '["default",null]' 'no user is set'
kandy logout -p a >/dev/null
run kandy whoami -p b
is "$status" 0 'one logs out, the other stays'
ok 'files of their own' test -e "$HOME/.local/state/kandy/a.json" -a -e "$HOME/.local/state/kandy/b.json"

# settings for another account
run kandy subscribe --list -p b --username carol@sandbox.example
is "$status" 77 "the settings' user is not the session's"
like "$err" 'wrong user name or password' "bob's password is not tried for carol"
is "$(kandy whoami -p b | jq -r .username)" bob@sandbox.example 'the session stays'
printf '[c]\nusername = carol@sandbox.example\n' >>"$HOME/.config/kandy/config"
KANDY_PASSWORD=carol-secret kandy login -q -p c >/dev/null
run kandy subscribe --list -p c --client-id PUB-other
is "$status" 77 "another client ID"
helps="\('kandy whoami' shows their sources\); run 'kandy login -p c', or choose another --profile\$"
like "$err" "^kandy: subscribe: profile 'c' is logged in with client-id 'PUB-sandbox', but the settings say 'PUB-other' $helps" \
	'what is wrong, and what helps'
run kandy subscribe --list -p c --base-url https://localhost:1
is "$status" 77 'another server gets no token of this one'
like "$err" "profile 'c' is logged in with base-url 'https://127.0.0.1:[0-9]+', but the settings say 'https://localhost:1' $helps" 'which is said'
run kandy subscribe --list -p c --username dave@sandbox.example
is "$status" 77 'another user'
like "$err" "profile 'c' is logged in with username 'carol@sandbox.example', but the settings say 'dave@sandbox.example' $helps" 'is named'
KANDY_PROJECT=1 run kandy subscribe --list -p c
is "$status" 77 'a project'
like "$err" "profile 'c' is logged in with username 'carol@sandbox.example', but the settings say 'a project' $helps" 'too'
run kandy whoami -p nobody
like "$err" "run 'kandy login -p nobody'\$" 'what helps, for a profile that nobody has logged in with'
run kandy send -p nobody -t bob@sandbox.example -m x
like "$err" "run 'kandy login -p nobody'\$" 'the same from a command that needs it'
kandy logout -q -p c >/dev/null 2>&1
run kandy listen -p c --once
like "$err" "run 'kandy login -p c'\$" 'the same after a logout'
run kandy doctor -p nobody
like "$out" "run 'kandy login -p nobody'" 'the same from doctor'
run kandy whoami -p 'no/path'
is "$status" 64 'a name that is a path'
finish
