#!/usr/bin/env bash
# --trace tells what went over the wire; neither it nor anything else that kandy leaves behind tells a secret or a message.
. "${0%/*}/../lib/tap.sh"

umask 022
export XDG_STATE_HOME=$scratch/state
password=alice-secret text='words for two people alone'
printf '%s\n' "$password" >password && chmod 600 password
printf 'sandbox-secret\n' >client-secret && chmod 600 client-secret
head -c 3000 /dev/urandom | base64 -w 76 >'words in a file.txt'
session=$XDG_STATE_HOME/kandy/default.json

everything=$scratch/everything # all that was printed, and the command lines
: >"$everything"
secrets=$scratch/secrets
printf '%s\n' "$password" sandbox-secret bob-secret "$(head -n 1 'words in a file.txt')" "$text" >"$secrets"
note_tokens() { jq -r '.. | strings | select(startswith("eyJ"))' "$1" >>"$secrets" 2>/dev/null; }

# traced NAME COMMAND...: runs it with a trace, takes note of its command line and of the tokens that the cache has then; what it
# prints counts as everything but the messages themselves, where that is what it is for ($data)
traced() {
	local name=$1 pid
	shift
	"$@" --trace "$scratch/trace.log" -v >"$out" 2>"$err" <"${input:-/dev/null}" &
	pid=$!
	while [ -r "/proc/$pid/cmdline" ] && [ "$(cut -d ' ' -f 3 "/proc/$pid/stat" 2>/dev/null)" != Z ]; do
		tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" >>"$scratch/cmdlines"
	done 2>/dev/null
	wait "$pid"
	status=$?
	grep -vF "${data:-nothing of the kind}" "$out" | cat - "$err" >>"$everything"
	note_tokens "$session"
	is "$status" "${wanted:-0}" "$name"
}

sandbox --fault 'POST messages 2:503/0,3:401' --token-life 3s
export KANDY_CLIENT_ID
note_tokens "$session"
traced login kandy login -u alice@sandbox.example --password-file password
traced 'login of a project' kandy login -p project --project --client-secret-file client-secret
note_tokens "$XDG_STATE_HOME/kandy/project.json"
traced subscribe kandy subscribe chat
traced 'send with a file' kandy send -t bob@sandbox.example -m "$text" -a 'words in a file.txt'
traced 'send, first answered 503, then 401' kandy send -t bob@sandbox.example -m "$text" --retry-delay 10ms
traced whoami kandy whoami
run_in password kandy login -q -p bob -u bob@sandbox.example --password-command 'echo bob-secret'
note_tokens "$XDG_STATE_HOME/kandy/bob.json"
data=$text traced listen kandy listen -p bob --once --since all
like "$out" "$text" 'which printed the messages'
cp "$out" "$scratch/lines"
input=$scratch/lines data=$text traced fetch-links kandy fetch-links -p bob -D inbox
same 'words in a file.txt' 'inbox/words in a file.txt' 'which fetched the file'
# the socket is there when the heartbeat is; the listener ends with the message that then comes
{ wait_for test -e "$scratch/beat" && kandy send -q -t bob@sandbox.example -m "$text"; } >/dev/null &
data=$text traced 'listen, on a socket' kandy listen -p bob --since none -n 1 --heartbeat "$scratch/beat"
wait_jobs
traced logout kandy logout
rm -f "$XDG_STATE_HOME/kandy/default.json"
run_in password kandy login -u alice@sandbox.example --password-stdin --trace "$scratch/trace.log"
is "$status" 0 'login by stdin'
note_tokens "$session"
cat "$out" "$err" >>"$everything"

# what it is for
trace=$scratch/trace.log
is "$(stat -c %a "$trace")" 600 'a trace is for its owner'
like "$trace" '^[0-9-]+T[0-9:.]+Z [0-9]+ http > POST /cpaas/auth/v1/token HTTP/1\.1$' 'requests, with time and process'
like "$trace" 'http > Authorization: Bearer \*\*\*$' 'the scheme of the authorization, without the token'
like "$trace" 'http < HTTP/1\.1 503' 'answers'
like "$trace" 'http < HTTP/1\.1 401' 'refusals'
like "$trace" 'http > Content-Type: multipart/form-data' 'uploads'
like "$trace" 'http = POST https://127\.0\.0\.1:[0-9]+/cpaas/chat/v1/[^ ]*/messages: status 201, .*body sent [0-9]+, received [0-9]+; ms: ' 'sizes and times'
unlike "$trace" 'http = POST [^ ]*/token: .*body sent [0-9]' 'but not how long a password is'
like "$trace" 'http > Content-Length: \*\*\*$' 'Content-Length of the request with the password is redacted'
is "$(grep -A9 'http > POST /cpaas/auth/v1/token' "$trace" | grep -c 'Content-Length: [0-9]')" 0 'of any such request'

# what it must not tell
ok 'there are secrets to look for' test "$(grep -c '' "$secrets")" -ge 10
sort -u "$secrets" >"$secrets.unique"
: >"$scratch/none"
for place in "$trace" "$everything" "$scratch/sandbox.err"; do
	is "$(grep -cFf "$secrets.unique" "$place")" 0 "no secret in ${place##*/}"
done
grep -vF "$text" "$secrets.unique" >"$secrets.argv" # the text is an argument: the user put it there
ok 'command lines were seen' grep -q 'send' "$scratch/cmdlines"
is "$(grep -cFf "$secrets.argv" "$scratch/cmdlines")" 0 'no secret in a command line'
unlike "$trace" 'access_token=[^*]' 'no token in a URL'
unlike "$trace" 'eyJ' 'nothing that looks like a token'
is "$(grep -rlFf "$secrets.argv" "$HOME" "${TMPDIR:-/tmp}/kandy-sandbox"* 2>/dev/null | wc -l)" 0 'nothing in temporary files'

# what is in a link is the service's secret
echo '{"event":"message","messageId":"m1","parts":[{"type":"file","name":"x","rawURL":"'"$KANDY_BASE_URL"'/x?signature=5igned&n=1"}]}' |
	kandy fetch-links -p bob -D inbox --trace signed -v >"$out" 2>"$err"
is $? 1 'a link that leads nowhere'
like signed 'http > GET /x\?signature=\*\*\*&n=\*\*\* HTTP/' 'the request without what its query says'
is "$(grep -c 5igned signed "$err" | paste -sd' ')" "signed:0 $err:0" 'the query is in no line of the trace and of stderr'

# a file that others can read, or no file at all
touch shared && chmod 640 shared
run kandy whoami -p alice --trace shared
is "$status $(stat -c %s shared)" '78 0' 'a trace file that others can read is refused'
like "$err" "^kandy: whoami: the trace file 'shared' can be read or written by others \(mode 0640\); run 'chmod 600 shared'\$" 'the error says how to make the trace file private'
if [ "$(id -u)" = 0 ]; then
	(umask 077; : >foreign)
	chown 65534 foreign
	run kandy whoami --trace foreign
	is "$status $(cat "$err")" "78 kandy: whoami: the trace file 'foreign' belongs to another user" 'a trace file of another user is refused'
else
	diag 'only root can make a file of another user'
fi
mkfifo fifo
run timeout 60 kandy whoami --trace fifo
is "$status" 73 'a FIFO, too'
(exec 8<>fifo; run timeout 60 kandy whoami --trace fifo; exit $((status != 73)))
is $? 0 'also with a reader'
run kandy version --trace /dev/null
is "$status" 0 '/dev/null is fine'

# --trace-text: the same with the bodies, and still no secret
bodies=$scratch/bodies.log
is "$(grep -cE 'http [<>] body|websocket [<>] text' "$trace")" 0 'without --trace-text, no body'
with_text() { kandy "$@" --trace "$bodies" --trace-text; }
with_text login -q -u alice@sandbox.example --password-file password >/dev/null
note_tokens "$session"
with_text subscribe -q chat >/dev/null
with_text send -t bob@sandbox.example -m "$text" -a 'words in a file.txt' >/dev/null
with_text send -t bob@sandbox.example -m 'https://h.example/x?access_token=whoever-reads-this&b=c' >/dev/null
with_text history bob@sandbox.example >/dev/null
yes 'a text that is longer than what is shown of a body' | head -c 60000 | kandy send -q -t bob@sandbox.example >/dev/null
with_text history bob@sandbox.example >/dev/null
as bob kandy listen --since none --count 1 --for 20s --trace "$bodies" --trace-text >"$out" 2>"$err" &
listener=$!
opened() { grep -q 'websocket: open' "$bodies"; }
ok 'a listener is there' wait_for opened
with_text send -q -t bob@sandbox.example -m 'words on a socket' >/dev/null
wait "$listener"
is $? 0 'which got a message'
like "$bodies" "http > body \{\"chatMessage\":\{.*$text" 'a message that was sent'
like "$bodies" "http < body \{\"chatMessage\":\{.*$text" 'the answer'
like "$bodies" "http < body \{\"chatMessageList\":.*$text" 'history'
like "$bodies" 'websocket < text \{.*words on a socket' 'a message on the WebSocket'
like "$bodies" 'http < body .* \.\.\. \(cut; [0-9]+ bytes in all\)$' 'of a long body, the beginning'
ok 'a long body is cut' test "$(awk '{ if (length > max) max = length } END { print max }' "$bodies")" -lt 17000
like "$bodies" 'access_token=\*\*\*&b=c' 'a token in a URL in a message is not shown'
unlike "$bodies" 'whoever-reads-this|eyJ|grant_type|expires_in' 'no token, no form of a login, no answer to one'
grep -vF "$text" "$secrets" | sort -u >"$secrets.bodies"
is "$(grep -cFf "$secrets.bodies" "$bodies")" 0 'no secret, and nothing of a file'
run kandy whoami --trace-text
like "$err" 'warning: --trace-text has no effect without --trace FILE' '--trace-text without --trace is warned about'
is "$(find "$XDG_STATE_HOME" -type f ! -perm 600 | wc -l)" 0 'what is kept is for its owner'
finish
