#!/bin/sh
# demo.sh - the whole job in one minute, on the local sandbox: read it as the tutorial, run it with `make demo`.
# Alice and bob log in, subscribe, and exchange text and files in both directions.
set -eu
PATH=$(cd "$(dirname "$0")/../build" && pwd):$PATH

# Without arguments: starts a sandbox and runs itself inside, in an empty home of its own.
if [ $# -eq 0 ]; then
	home=$(mktemp -d)
	trap 'rm -rf "$home"' EXIT
	script=$(cd "$(dirname "$0")" && pwd)/demo.sh
	cd "$home"
	env -u XDG_STATE_HOME -u XDG_CONFIG_HOME HOME="$home" kandy sandbox -- "$script" inside
	exit
fi

step() { printf '\n# %s\n' "$1"; }
show() { printf '$ %s\n' "$1"; eval "$1"; }

step 'Two users log in, each under a profile of their own. Passwords come from files, pipes or commands, never from options.'
show 'echo alice-secret | kandy login -p alice --username alice@sandbox.example --password-stdin'
show 'echo bob-secret   | kandy login -p bob   --username bob@sandbox.example   --password-stdin'

step 'Both subscribe to chat: a notification channel that `kandy listen` uses from then on.'
show 'kandy subscribe -p alice chat'
show 'kandy subscribe -p bob chat'

step 'Bob waits for one message, fetches its attachments, and keeps the line that says where they are.'
show 'kandy listen -p bob -n 1 --since all | kandy fetch-links -p bob -D inbox > received.jsonl &'
waiting=$!

step 'Alice sends a text with two files.'
show "seq 1 20000 > report.csv; head -c 100000 /dev/urandom > 'photo é.png'"
show "kandy send -p alice -t bob@sandbox.example -m 'Here is the report.' -a report.csv -a 'photo é.png'"
wait "$waiting"
show 'jq . received.jsonl'
show "jq -r '.parts[] | select(.type == \"file\").path' received.jsonl"

step 'What arrived is what was sent, byte for byte.'
show 'cmp report.csv inbox/report.csv && echo same'
show "cmp 'photo é.png' 'inbox/photo é.png' && echo same"

step 'Bob answers the sender of that line, with a file; alice takes what came since, and leaves.'
show "gzip -k report.csv"
show "jq -c '{to: .sender, text: \"Thanks. Compressed:\", files: [\"report.csv.gz\"]}' received.jsonl | kandy send -p bob --jsonl"
show 'kandy listen -p alice -n 1 --since all | kandy fetch-links -p alice -D alice-inbox | tee answer.jsonl'
show 'cmp report.csv.gz alice-inbox/report.csv.gz && echo same'

step 'For people there is a text format.'
show "kandy send -p alice -t bob@sandbox.example -m 'Bye!' > sent.json; jq -c '{status, messageId}' sent.json"
show 'kandy listen -p bob --once --format text'

step 'Done: logging out takes the tokens, the channel and the subscriptions away.'
show 'kandy logout -p alice'
show 'kandy logout -p bob'
