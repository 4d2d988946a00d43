#!/usr/bin/env bash
# transfer.sh - upload and download of a large file, compared with curl. Downloads are measured to memory and to disk. On disk,
# kandy syncs the file and curl does not. Only kandy computes SHA-256.
. "${0%/*}/../lib/bench.sh"
. "$lib_dir/nginx.sh"
certificates
nginx_start
mib=${BENCH_MIB:-512}
head -c "$((mib * 1048576))" /dev/zero >"$nginx_files/big" || fail 'no room for the file'
printf 'Authorization: Bearer %s\n' "$nginx_token" >"$scratch/bearer"
echo some-password >"$scratch/password" && chmod 600 "$scratch/password"
"$KANDY" login -q --base-url "$nginx_url" --cacert "$ca" --client-id bench -u alice@bench.example --password-file "$scratch/password" \
	>/dev/null || fail 'cannot log in to nginx'
rate() { calc "$mib*1.048576*1000/${ms[$1]}" %.0f; }
memory() { # COMMAND...: its largest resident memory in MiB
	local used
	"$TOOLS/usage" "$scratch/usage" "$@" >/dev/null 2>&1 </dev/null
	read -ra used <"$scratch/usage"
	calc "${used[2]}/1024" %.1f
}

heading "$mib MiB up" 'kandy, MB/s' 'curl, MB/s'
upload="$KANDY send -q -t bob@bench.example -m file -a $nginx_files/big --cacert $ca"
# HTTP/1.1: over HTTP/2, curl 7.88 never ends an upload if the response comes before the server has read it all
curl_upload="curl -s --http1.1 -o /dev/null --cacert $ca -H @$scratch/bearer -F root-fields={} -F raw=@$nginx_files/big;type=application/octet-stream $nginx_objects"
rounds 3 2 kandy "$upload" curl "$curl_upload"
row 'curl -F' "$(rate kandy)" "$(rate curl)" "$(calc "${ms[curl]}/${ms[kandy]}")" '>=0.95'
ours=$(memory $upload) theirs=$(memory $curl_upload)
row 'memory, MiB' "$ours" "$theirs" "$ours" '<=16'

heading "$mib MiB down" 'kandy, MB/s' 'curl, MB/s'
down() { # WHAT DIRECTORY
	local dir=$2
	mkdir -p "$dir"
	local kandy_down="$KANDY fetch-links -q --clobber --timeout 10m -D $dir --cacert $ca $nginx_objects/1/payload"
	local curl_down="curl -s --cacert $ca -H @$scratch/bearer -o $dir/c $nginx_objects/1/payload"
	# not measured: removing the file of the last run takes longer on disk
	prepare="find $dir -type f -delete" rounds 3 3 kandy "$kandy_down" curl "$curl_down"
	row "curl -o, $1" "$(rate kandy)" "$(rate curl)" "$(calc "${ms[curl]}/${ms[kandy]}")" '>=0.9'
	ours=$(memory $kandy_down) theirs=$(memory $curl_down)
	row 'memory, MiB' "$ours" "$theirs" "$ours" '<=16'
	rm -rf "$dir"
}
if [ "$(df --output=avail -m /dev/shm 2>/dev/null | tail -n 1)" -gt $((2 * mib)) ] 2>/dev/null; then
	shm=$(mktemp -d /dev/shm/kandy-bench.XXXXXX)
	down 'into memory' "$shm"
fi
down 'to the disk' "$scratch/down"
