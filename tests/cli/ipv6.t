#!/usr/bin/env bash
# A base URL with an IPv6 address, in brackets.
. "${0%/*}/../lib/tap.sh"

grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null || skip_all 'the kernel has no ::1'
sandbox --listen ::1
host=${KANDY_BASE_URL#https://}
like <(echo "$KANDY_BASE_URL") '^https://\[::1\]:[0-9]+$' 'the sandbox is at ::1'
cat >password <<<alice-secret
chmod 600 password
run kandy login -u alice@sandbox.example --password-file password
is "$status" 0 'login'
json "$out" .baseUrl "\"$KANDY_BASE_URL\"" 'login stores the base URL'
run env -u KANDY_BASE_URL kandy subscribe chat
is "$status" 0 'subscribe uses the base URL of the login'
kandy listen --heartbeat beat -n 2 >lines 2>listen.err &
listener_pid=$!
tap_pids+=("$listener_pid")
wait_for test -e beat
head -c 3000 /dev/urandom >file.bin
run as bob kandy send -t alice@sandbox.example -m 'over IPv6' -a file.bin
is "$status" 0 'send with an attachment'
control '{"do":"drop-sockets"}'
run as bob kandy send -t alice@sandbox.example -m 'after a loss'
wait "$listener_pid"
is $? 0 'listen: exit status'
is "$(jq -r '.parts[0].text' lines | tr '\n' ,)" 'over IPv6,after a loss,' 'both messages are received, one after a reconnect'
unlike listen.err 'trust|certificate|address|host' 'the certificate is for that address'
run_in lines kandy fetch-links -D inbox
is "$status" 0 'fetch-links'
same inbox/file.bin file.bin 'the attachment is complete'
run kandy history bob@sandbox.example
is "$status $(grep -c . "$out")" '0 2' 'history'
is "$(jq -r 'select(.headers) | .headers | to_entries[] | select(.key | ascii_downcase == "host") | .value' "$sandbox_record" | sort -u)" "$host" \
	'every request names the host with its brackets'
# the certificate of another host
sandbox --listen ::1 --cert-host other.example
run as carol kandy login -u carol@sandbox.example --password-file password
is "$status" 78 'a certificate of another host is refused'
like "$err" "certificate is for another host" 'the error names the reason'
finish
