#!/usr/bin/env bash
# The whole job, and then a search for each of its secrets in everything that it left: what was printed, traces, temporary files, the
# sandbox's record, the command line of kandy and the environments of what it started.
. "${0%/*}/../lib/tap.sh"
mkdir "$scratch/tmp" "$scratch/seen"
export TMPDIR=$scratch/tmp
secrets=$scratch/secrets # a secret a line
traces=0

# What kandy starts looks at itself and at the kandy that started it: its environment, and the command line that all can see.
cat >look <<END
#!/bin/sh
tr '\\0' '\\n' </proc/self/environ >"$scratch/seen/environ.\$\$"
tr '\\0' '\\n' </proc/\$PPID/cmdline >"$scratch/seen/cmdline.\$\$"
cat >/dev/null
END
chmod +x look

printf 'alice-secret\n' >alice.pw
printf 'carol-secret\n' >carol.pw
printf 'wrong-password-of-alice\n' >wrong.pw
printf 'sandbox-secret\n' >client.secret
chmod 600 ./*.pw client.secret
printf '%s\n' alice-secret bob-secret carol-secret wrong-password-of-alice sandbox-secret >"$secrets"
note() { # the tokens that the caches hold now
	find "$scratch" -name '*.json' -path '*/kandy/*' -exec jq -r '.. | strings | select(startswith("eyJ") or test("^[A-Za-z0-9_.-]{40,}$"))' {} + >>"$secrets" 2>/dev/null
}

# kept NAME STATUS COMMAND...: runs it with a trace that has the bodies too; all that it says is kept
kept() {
	local name=$1 wanted=$2
	shift 2
	traces=$((traces + 1))
	"$@" -v --trace "$scratch/seen/trace.$traces" --trace-text >"$scratch/seen/out.$traces" 2>"$scratch/seen/err.$traces" </dev/null
	is $? "$wanted" "$name" || show "$scratch/seen/err.$traces"
	note
}

sandbox --token-life 4s
head -c 50000 /dev/urandom >report.bin
alice() { XDG_STATE_HOME=$scratch/alice "$@"; }
bob() { XDG_STATE_HOME=$scratch/bob "$@"; }

kept 'login by file' 0 alice kandy login -u alice@sandbox.example --password-file alice.pw
kept 'login by environment' 0 env KANDY_PASSWORD=bob-secret XDG_STATE_HOME="$scratch/bob" kandy login -u bob@sandbox.example
kept 'login by command' 0 kandy login -u carol@sandbox.example --password-command './look </dev/null; cat carol.pw' -p carol
kept 'login of a project' 0 kandy login --project --client-secret-file client.secret -p project
kept 'a wrong password' 77 kandy login -u alice@sandbox.example --password-file wrong.pw -p wrong
kept 'subscribe' 0 bob kandy subscribe chat
kept 'send' 0 alice kandy send -t bob@sandbox.example -m 'a report' -a report.bin
kept 'listen' 0 bob kandy listen --once --since all
kept 'listen with a command' 0 bob env KANDY_PASSWORD=bob-secret kandy listen --once --since all --exec ./look
jq -c 'select(.event == "message")' "$scratch/seen/out.8" >lines
XDG_STATE_HOME=$scratch/bob kandy fetch-links -D inbox -v --trace "$scratch/seen/trace.fetch" --trace-text <lines >"$scratch/seen/out.fetch" 2>"$scratch/seen/err.fetch"
is $? 0 'fetch-links'
same report.bin inbox/report.bin 'the file has arrived'
kept 'a link to somewhere else' 65 bob kandy fetch-links 'https://evil.example/?access_token=very-secret-in-a-link'
echo very-secret-in-a-link >>"$secrets"
expired() { [ "$(jq .expires "$scratch/bob/kandy/default.json")" -lt "$(date +%s)000" ]; }
ok 'a token runs out' wait_for expired
kept 'a token that is renewed' 0 bob kandy send -t alice@sandbox.example -m 'thanks'
kept 'whoami' 0 alice kandy whoami
kept 'logout' 0 alice kandy logout

# A service that repeats what it is told: with secrets that are written otherwise in a form, and one that is too short to be looked for
# wherever it may stand.
odd='p@ss/word+1 \"q\"' short='z~9!q' client='cl!ent/secr%t é'
encoded() { jq -rn --arg s "$1" '$s, ($s | @uri), ($s | @uri | gsub("%20"; "+")), ($s | tojson[1:-1]), ($s | @uri | ascii_downcase)'; }
printf '%s\n' "$odd" >odd.pw
printf '%s\n' "$short" >short.pw
printf '%s\n' "$client" >odd.secret
printf 'good-one\n' >good.pw
chmod 600 ./*.pw odd.secret
{ encoded "$odd"; encoded "$short"; encoded "$client"; echo good-one; echo made-up-; } >>"$secrets"
node "$tests_dir/lib/leaky.cjs" good-one >port 2>leaky.err </dev/null &
tap_pids+=($!)
wait_for grep -q . port || { echo 'Bail out! the service did not start'; show leaky.err; exit 1; }
leaky() { KANDY_BASE_URL=http://127.0.0.1:$(cat port) XDG_STATE_HOME=$scratch/leaky KANDY_USERNAME=alice@test.example KANDY_RETRY=0 "$@"; }
kept 'a login that is refused with all that it said' 77 leaky kandy login --password-file odd.pw
like "$scratch/seen/err.$traces" 'refused the login: cannot use client_id=PUB-sandbox&username=[^&]*&password=\*\*\*' 'which is shown, but not the password'
kept 'the same with a short password' 77 leaky kandy login --password-file short.pw
like "$scratch/seen/err.$traces" 'refused the login: cannot use client_id=PUB-sandbox&username=[^&]*&password=\*\*\*' 'which is shown, but not the password'
kept 'the same of a project' 77 leaky kandy login --project --client-secret-file odd.secret
like "$scratch/seen/err.$traces" 'refused the login: cannot use client_id=PUB-sandbox&client_secret=\*\*\*' 'which is shown, but not the secret'
kept 'a login there' 0 leaky kandy login --password-file good.pw
kept 'a message that is refused with its token' 77 leaky kandy send -t bob@test.example -m x
kept 'a socket with a token in its path' 77 leaky kandy listen --since none
like "$scratch/seen/trace.$traces" 'websocket: connecting to http://[^/]*/[^?]*/websocket\?access_token=\*\*\*&x=\*\*\*$' 'which is traced, but not the token'
cp "$sandbox_record" "$scratch/seen/record"
cp "$scratch/sandbox.env" "$scratch/sandbox.err" "$scratch/seen/"
cp -r inbox lines "$scratch/seen/"
find "$TMPDIR" -type f -exec cp {} "$scratch/seen/" \;

sort -u "$secrets" | grep -E '.{5,}' >unique
cases 'secrets looked for' "$(wc -l <unique)"
cases 'files looked through' "$(find "$scratch/seen" -type f | wc -l)"
ok 'tokens were taken note of' test "$(grep -c '^eyJ' unique)" -ge 8
ok 'command lines were seen' grep -rqs -e '--exec' "$scratch/seen" --include='cmdline.*'
ok 'the traces have bodies' grep -qs 'body .*a report' "$scratch/seen"/trace.*
ok 'so were the environments of what kandy started' grep -rqs KANDY_TEXT= "$scratch/seen" --include='environ.*'
found=$(grep -rlFf unique "$scratch/seen" | grep -v '/sandbox.env$')
for file in $found; do
	grep -oFf unique "$file" | sort -u | while IFS= read -r secret; do
		case $(basename "$file"):$secret in
		out.*:very-secret-in-a-link) ;; # the line of a link has the link
		*) echo "$file: ${secret:0:12}..." ;;
		esac
	done
done >leaks
is "$(sed "s|$scratch/||" leaks)" '' 'no secret is anywhere'
ok 'the search would find one' grep -qFf unique "$scratch/bob/kandy/default.json"
is "$(find "$TMPDIR" -type f ! -name 'kandy-sandbox-*.pem')" '' 'no temporary file is left but the running sandbox'"'"'s certificate'
is "$(cat "$TMPDIR"/*.pem | grep -c PRIVATE)" 0 'which has no key in it'
is "$(find "$scratch/alice" "$scratch/bob" -type f ! -perm 600 | wc -l)" 0 'all that is kept is for its owner alone'
finish
