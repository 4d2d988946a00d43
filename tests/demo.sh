#!/bin/sh
# demo.sh - a tour of kandy on the local sandbox, in less than a minute: read it as a tutorial, run it with `make demo`.
# Alice and bob log in, subscribe, and exchange text and files in both directions. `kandy` comes from the PATH.
set -eu

# Without arguments, it starts a sandbox and runs itself inside, in an empty home directory.
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

step 'Two users log in, each with a profile. Passwords come from files, pipes or commands, never from options.'
show 'echo alice-secret | kandy login -p alice --username alice@sandbox.example --password-stdin'
show 'echo bob-secret   | kandy login -p bob   --username bob@sandbox.example   --password-stdin'

step 'Both subscribe to chat. `kandy listen` will use the notification channel that this creates.'
show 'kandy subscribe -p alice chat'
show 'kandy subscribe -p bob chat'

step 'Bob waits for one message, downloads its attachments, and keeps the line that names the files.'
show 'kandy listen -p bob -n 1 --since all | kandy fetch-links -p bob -D inbox > received.jsonl &'
waiting=$!

step 'Alice sends a text with two files.'
show "seq 1 20000 > report.csv; head -c 100000 /dev/urandom > 'photo é.png'"
show "kandy send -p alice -t bob@sandbox.example -m 'Here is the report.' -a report.csv -a 'photo é.png'"
wait "$waiting"
show 'jq . received.jsonl'
show "jq -r '.parts[] | select(.type == \"file\").path' received.jsonl"

step 'The files are identical, byte for byte.'
show 'cmp report.csv inbox/report.csv && echo same'
show "cmp 'photo é.png' 'inbox/photo é.png' && echo same"

step 'Bob replies to the sender with a file; alice receives it and exits.'
show "gzip -k report.csv"
show "jq -c '{to: .sender, text: \"Thanks. Compressed:\", files: [\"report.csv.gz\"]}' received.jsonl | kandy send -p bob --jsonl"
show 'kandy listen -p alice -n 1 --since all | kandy fetch-links -p alice -D alice-inbox | tee answer.jsonl'
show 'cmp report.csv.gz alice-inbox/report.csv.gz && echo same'

step 'A text format is there for people.'
show "kandy send -p alice -t bob@sandbox.example -m 'Bye!' > sent.json; jq -c '{status, messageId}' sent.json"
show 'kandy listen -p bob --once --format text'

step 'Logging out deletes the tokens, the channel and the subscriptions.'
show 'kandy logout -p alice'
show 'kandy logout -p bob'
