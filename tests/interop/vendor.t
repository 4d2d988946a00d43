#!/usr/bin/env bash
# The vendor's own client on one side, kandy on the other, the sandbox between them: text and files in both directions.
. "${0%/*}/../lib/tap.sh"
command -v node >/dev/null || { echo "Bail out! node is missing: run 'make deps'"; exit 1; }
export INTEROP_MODULES=${INTEROP_MODULES:-$top_dir/build/npm/node_modules}
[ -d "$INTEROP_MODULES" ] || { echo "Bail out! $INTEROP_MODULES is missing: run 'make build/npm/installed'"; exit 1; }

sandbox
head -c 300000 /dev/urandom > 'from vendor.bin'
head -c 200000 /dev/urandom > 'from kandy.bin'
text='Grüße "quoted" \ back 😀'

# The vendor's client is alice. It reads what to send from a pipe.
mkfifo orders
NODE_EXTRA_CA_CERTS=$KANDY_CACERT node "$tests_dir/interop/vendor-client.cjs" \
	alice@sandbox.example alice-secret < orders > vendor.jsonl 2> vendor.err &
tap_pids+=($!)
exec 7> orders
vendor_says() { jq -e "select($1)" vendor.jsonl | grep -q .; }
order() { jq -nc --arg to "$1" --arg text "$2" --arg file "$3" '{$to, $text, $file}' >&7; }
ok 'the vendor client logs in and subscribes' wait_for vendor_says '.event == "subscribed"' || { show vendor.jsonl; show vendor.err; }

# kandy is bob.
as bob kandy subscribe -q chat > /dev/null || diag 'subscribe failed'
as bob kandy listen --events -n 2 --select '.event == "message" or .state == "connected"' > bob.jsonl 2> bob.err &
listener=$!
tap_pids+=("$listener")
ok 'kandy listens' wait_for grep -q connected bob.jsonl || { show bob.jsonl; show bob.err; }

order bob@sandbox.example "$text" "$PWD/from vendor.bin"
ok 'a message of the vendor client arrives' wait_for grep -q '"event":"message"' bob.jsonl || { show vendor.jsonl; show bob.err; }
grep '"event":"message"' bob.jsonl > message.jsonl
run_in message.jsonl as bob kandy fetch-links -D inbox
is "$status" 0 'fetch-links: the attachment is downloaded'
cp "$out" fetched.jsonl
json fetched.jsonl '[.parts[] | select(.type == "text").text]' "$(jq -nc --arg t "$text" '[$t]')" 'kandy prints the whole text'
json fetched.jsonl '.sender' '"alice@sandbox.example"' 'kandy prints the sender'
json fetched.jsonl '.parts[] | select(.type == "file").sha256' "\"$(sha256sum 'from vendor.bin' | cut -d' ' -f1)\"" 'kandy reports the hash of the file'
path=$(jq -r '.parts[] | select(.type == "file").path' fetched.jsonl)
same "$path" 'from vendor.bin' 'the downloaded file is identical'

run as bob kandy send -t alice@sandbox.example -m "$text" -a 'from kandy.bin'
is "$status" 0 'kandy sends to the vendor client'
ok 'the vendor client shows the message' wait_for vendor_says '.event == "message"' || { show vendor.jsonl; show vendor.err; }
grep '"event":"message"' vendor.jsonl > shown.jsonl
json shown.jsonl '.sender' '"bob@sandbox.example"' 'the vendor client shows the sender'
json shown.jsonl '[.parts[] | select(.type == "text").text]' "$(jq -nc --arg t "$text" '[$t]')" 'the vendor client shows the text'
json shown.jsonl '[.parts[] | select(.type == "file").sha256]' "[\"$(sha256sum 'from kandy.bin' | cut -d' ' -f1)\"]" 'the vendor client received the whole file (by hash)'
json shown.jsonl '[.parts[] | select(.type == "file").name]' '["from kandy.bin"]' 'the vendor client shows the file name'
is "$(jq -c 'select(.event == "error")' vendor.jsonl)" '' 'the vendor client met no error'
exec 7>&-
finish
