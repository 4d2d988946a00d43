#!/usr/bin/env bash
# option > environment > profile's section > first part of the user's file > system's file > login > default: one setting through
# all layers, seen in what is used and in what whoami says of it.
. "${0%/*}/../lib/tap.sh"

export KANDY_SYSTEM_CONFIG=$scratch/system-config
config=$HOME/.config/kandy/config
mkdir -p "${config%/*}"
touch "$KANDY_SYSTEM_CONFIG" "$config"

# from WANTED-VALUE WANTED-SOURCE WANTED-PLACE NAME [ARGUMENT...]: what whoami says of connect-timeout
from() {
	local value=$1 source=$2 where=$3 name=$4
	shift 4
	run kandy whoami "$@"
	json "$out" '.settings["connect-timeout"] | [.value, .source, .where]' "[\"$value\",\"$source\",$where]" "$name"
}

from 10s default null 'the default'
echo 'connect-timeout = 11' >"$KANDY_SYSTEM_CONFIG"
from 11 system "\"$KANDY_SYSTEM_CONFIG:1\"" 'the system'\''s file'
printf '[work]\nconnect-timeout = 12\n' >>"$KANDY_SYSTEM_CONFIG"
from 12 system "\"$KANDY_SYSTEM_CONFIG:3\"" 'a section of the system'\''s file' -p work
printf '# mine\n\nconnect-timeout = 13s\n[other]\nconnect-timeout = 99\n' >"$config"
from 13s profile "\"$config:3\"" 'the first part of the user'\''s file'
from 13s profile "\"$config:3\"" 'which comes before any section of the system'\''s file' -p work
printf '[work]\nconnect-timeout = "14s"\n' >>"$config"
from 14s profile "\"$config:7\"" 'the section of the profile' -p work
from 14s profile "\"$config:7\"" 'a profile by --profile=' --profile=work
KANDY_PROFILE=work from 14s profile "\"$config:7\"" 'a profile from the environment'
KANDY_PROFILE=other from 14s profile "\"$config:7\"" 'which the option overrules' -p work
from 13s profile "\"$config:3\"" 'other profiles are not touched'
KANDY_CONNECT_TIMEOUT=15 from 15 environment '"KANDY_CONNECT_TIMEOUT"' 'the environment' -p work
KANDY_CONNECT_TIMEOUT='' from 14s profile "\"$config:7\"" 'an empty variable counts as not set' -p work
KANDY_CONNECT_TIMEOUT=15 from 16 option '"--connect-timeout"' 'the option' -p work --connect-timeout 16

# XDG
mkdir -p "$scratch/xdg/kandy"
echo 'connect-timeout = 17' >"$scratch/xdg/kandy/config"
XDG_CONFIG_HOME=$scratch/xdg from 17 profile "\"$scratch/xdg/kandy/config:1\"" 'XDG_CONFIG_HOME'
XDG_CONFIG_HOME=relative from 13s profile "\"$config:3\"" 'which is ignored where it is relative'

# bad values: the layer that counts decides
run kandy whoami --connect-timeout never
is "$status" 64 'a bad option'
KANDY_CONNECT_TIMEOUT=never run kandy whoami
is "$status" 64 'a bad variable'
like "$err" "invalid KANDY_CONNECT_TIMEOUT 'never': expected a duration" 'is named'
KANDY_CONNECT_TIMEOUT=never run kandy whoami --connect-timeout 5
is "$status" 77 'but not where the option stands before it'
echo 'connect-timeout = never' >"$config"
run kandy whoami
is "$status" 78 'a bad value in a file'
like "$err" "^kandy: whoami: $config:1: invalid connect-timeout 'never': expected a duration from .*, such as 10s\$" \
	'a bad value in a file: the error names file and line'

# keys
echo 'conect-timeout = 1' >"$config"
run kandy whoami
is "$status $(cat "$err")" "78 kandy: whoami: $config:1: unknown key 'conect-timeout'; did you mean 'connect-timeout'?" \
	'an unknown key is refused'
printf '[work]\npassword = hunter2\n' >"$config"
run kandy whoami
is "$status $(cat "$err")" \
	"78 kandy: whoami: $config:2: 'password' is a secret and does not belong in this file; use 'password-file' or 'password-command'" \
	'a secret is refused, in any section'
unlike "$err" hunter2 'a secret in a file is not shown'
echo 'format = text' >"$config"
run kandy whoami
is "$status" 78 'an option that is no setting is no key'

# paths: the same wherever one stands
printf 'password-file = ~/pw\nheartbeat = /run/beat\n[work]\npassword-file = "~/my pw"\n[odd]\npassword-file = pw\n[far]\noutput-dir = ~bob/x\n' >"$config"
path() { json "$out" '.settings["password-file"].value' "\"$HOME/$1\"" "$2"; }
run kandy whoami
path pw 'a ~ is the home directory'
run kandy whoami -p work
path 'my pw' 'also in quotes'
env -u HOME kandy whoami -p work >"$out" 2>&1
unlike "$out" '~' 'which is known without HOME, too'
run kandy whoami -p odd
is "$status $(cat "$err")" "78 kandy: whoami: $config:6: invalid password-file 'pw': expected a path that begins with '/' or '~/'" \
	'a relative path is refused'
echo /dev/null | kandy fetch-links -p far >"$out" 2>"$err"
is "$? $(cat "$err")" "78 kandy: fetch-links: $config:8: invalid output-dir '~bob/x': expected a path that begins with '/' or '~/'" \
	'so is the home of somebody else'
tilde='~'
KANDY_PASSWORD_FILE=$tilde/pw run kandy whoami
json "$out" '.settings["password-file"].value' '"~/pw"' 'a variable is taken as it is'

echo 'verbose' >"$config"
run kandy whoami
like "$err" "$config:1: invalid line: expected KEY = VALUE" 'a line without = is refused'

# what is used is what is said
sandbox
unset KANDY_CLIENT_ID
printf 'base-url = %s\nclient-id = nobody\n[alice]\nclient-id = PUB-sandbox\nusername = alice@sandbox.example\npassword-command = echo alice-secret\n' \
	"$KANDY_BASE_URL" >"$config"
url=$KANDY_BASE_URL
unset KANDY_BASE_URL
mkdir -p "$HOME/secrets"
(umask 077; echo alice-secret >"$HOME/secrets/pw")
printf '[home]\nclient-id = PUB-sandbox\nusername = alice@sandbox.example\npassword-file = ~/secrets/pw\noutput-dir = ~/inbox\n' >>"$config"
run kandy login -p home
is "$status" 0 'a login with a password file at home'
kandy fetch-links -p home </dev/null
ok '~ in output-dir is the home directory' test -d "$HOME/inbox" -a ! -e '~'
run kandy login -p alice
is "$status" 0 'a login from the profile alone'
run kandy whoami -p alice
json "$out" '[.address, .settings["base-url"].source, .settings["client-id"].source]' '["alice@sandbox.example","profile","profile"]' \
	'whoami names the layers'
KANDY_BASE_URL=http://127.0.0.1:1 run kandy login -p alice --retry 0
is "$status" 69 'the environment overrules the profile: nobody is there'
KANDY_BASE_URL=http://127.0.0.1:1 run kandy login -p alice --base-url "$url"
is "$status" 0 'the option overrules the environment'

finish
