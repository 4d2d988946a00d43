#!/usr/bin/env bash
# kandy doctor: each check, successful and failed, and the highest exit status.
. "${0%/*}/../lib/tap.sh"

sandbox
export KANDY_SYSTEM_CONFIG=$scratch/no-system-config
config=$HOME/.config/kandy/config
state=$HOME/.local/state/kandy
mkdir -p "${config%/*}"

# check NAME: the values of `ok` in the lines of that check
check() { jq -r --arg n "$1" 'select(.name == $n) | .ok' "$out" | sort -u | xargs; }
text() { jq -r --arg n "$1" 'select(.name == $n) | .text' "$out"; }

run kandy doctor
is "$status" 77 'without a login: 77'
is "$(jq -r 'select(.event != "check" or (has("ok") and has("text") and has("name") | not))' "$out")" '' 'every line is a check'
is "$(check login) $(check token) $(check channel)" 'false false null' 'login and token are wrong, the channel was not tried'
is "$(check config) $(check library) $(check state) $(check session) $(check dns) $(check connection)" \
	'true true true true true true' 'everything else is fine'
like "$err" '^kandy: doctor: 2 checks failed$' 'stderr has the number of failures'
ok 'nothing was made' test ! -e "$state"

printf 'alice-secret\n' | kandy login -q -u alice@sandbox.example --password-stdin >/dev/null
run kandy doctor
is "$status $(wc -c <"$err")" '0 0' 'after a login: 0, and nothing on stderr'
is "$(check login) $(check token) $(check channel)" 'true true true' 'login, token and channel'
like <(text channel) "none yet; 'kandy subscribe'" 'there is no channel yet'
kandy subscribe -q chat >/dev/null
run kandy doctor
is "$status" 0 'after subscribing'
like <(text channel) 'exists on the server; subscriptions: 1' 'the channel is known'

run kandy doctor --format text
is "$status" 0 'as text'
like "$out" '^ok +connection +127\.0\.0\.1 responds over verified TLS' 'a line for people'
is "$(grep -cvE '^(ok|FAIL|-) ' "$out")" 0 'every line begins with the outcome'

# configuration files
echo 'colour = red' >"$config"
run kandy doctor
is "$status $(check config)" '78 false' 'an unknown key in the configuration'
like <(text config) "$config:1: unknown key 'colour'" 'is named'
is "$(check connection)" true 'the other checks run all the same'
printf '[a]\nretry = lots\n' >"$config"
run kandy doctor -p a
is "$status" 78 'a bad value in the configuration'
like <(text config) "$config:2: invalid retry 'lots': expected a whole number" 'is named'
echo 'retry = 2' >"$config"
chmod 666 "$config"
run kandy doctor
is "$status" 78 'a configuration that others may change'
like <(text config) "run 'chmod go-w" 'the text says what to do'
chmod 644 "$config"

# the disk
if unshare -m true 2>/dev/null; then
	cp -p "$state/default.json" saved
	run unshare -m bash -c 'mount -t tmpfs -o size=64k,mode=700 tmpfs "$0" && cp -p saved "$0/default.json" && { cat /dev/zero >"$0/full"; kandy doctor; }' "$state"
	is "$(check state)" false 'a full disk'
	like <(text state) "no space left in '$state'" 'is named'
else
	diag 'no file system can be mounted here: doctor was not tried on a full disk'
fi

# the token cache
chmod 755 "$state"
run kandy doctor
is "$status $(check state)" '78 false' 'a state directory that others can look into'
chmod 700 "$state"
chmod 644 "$state/default.json"
run kandy doctor
is "$status $(check session)" '78 false' 'a token cache that others can read'
unlike "$out" 'eyJ' 'no token is shown'
chmod 600 "$state/default.json"

# network
KANDY_PROXY=http://someone:hunter2@127.0.0.1:1 run kandy doctor
is "$status $(check connection) $(check clock) $(check token)" '69 false null null' 'a proxy that is not there'
like <(text proxy) '^http://\*\*\*@127\.0\.0\.1:1 for 127\.0\.0\.1$' 'is named'
unlike "$out" 'hunter2' 'without its password'
KANDY_PROXY=htp://someone:hunter2@127.0.0.1:1 run kandy doctor
is "$status $(check connection)" '78 false' 'a proxy setting that makes no sense'
like <(text connection) 'invalid proxy: expected ' 'is called that'
unlike "$out" 'hunter2' 'the setting is not quoted'
run kandy doctor --base-url 'https://someone:hunter2@h.example'
is "$status" 78 'a base URL with a password'
like <(text session) "invalid base URL 'https://\*\*\*@h\.example': user information" 'is refused'
unlike "$out" 'hunter2' 'without showing it'
run kandy doctor --base-url "https://$(no_such_host)"
is "$status $(check dns) $(check connection)" '77 false null' 'a host that does not exist (and no login there)'
like <(text dns) "cannot resolve host '$(no_such_host)'" 'is named'
run env -u KANDY_CACERT kandy doctor
is "$status $(check connection)" '78 false' 'a certificate that is not trusted'
like <(text connection) 'self-signed' 'the text has the reason'
run kandy doctor --base-url "https://localhost:${KANDY_BASE_URL##*:}"
is "$(check connection)" true 'the certificate is for localhost, too'
run kandy doctor --insecure
like <(text connection) 'unverified TLS' '--insecure is not called verified'

# the clock: a server with a different time
cat >"$scratch/clock.pl" <<'E2'
use IO::Socket::INET;
use POSIX qw(strftime);
$| = 1;
my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die;
print $server->sockport, "\n";
while (my $client = $server->accept) {
	while (defined(my $line = <$client>)) { last if $line =~ /^\r?\n/ }
	my $date = strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + $ARGV[0]));
	print $client "HTTP/1.1 404 Not Found\r\nDate: $date\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	close $client;
}
E2
for skew in 3 3600 -3600; do
	perl "$scratch/clock.pl" "$skew" >"$scratch/port$skew" &
	tap_pids+=($!)
	wait_for test -s "$scratch/port$skew"
	run kandy doctor --base-url "http://127.0.0.1:$(cat "$scratch/port$skew")" --retry 0
	case $skew in
	3) is "$(check clock)" true 'a clock that is right' ;;
	3600) like <(text clock) "clock is 3([0-5][0-9][0-9]|600) s behind the service's" 'a clock that is behind' ;;
	-3600) like <(text clock) "clock is 3[6-9][0-9]+ s ahead of the service's" 'a clock that is ahead' ;;
	esac
done
is "$(check clock)" false 'which is wrong'

# a service that has stopped; then one with a short channel lifetime
cp "$KANDY_CACERT" "$scratch/ca.pem"
kill "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null
run kandy doctor --retry 0 --cacert "$scratch/ca.pem"
is "$status $(check connection)" '69 false' 'a service that is not there'

sandbox --channel-max-life 1s
printf 'bob-secret\n' | kandy login -q -p bob -u bob@sandbox.example --password-stdin >/dev/null
kandy subscribe -q -p bob chat >/dev/null
forgotten() { run kandy doctor -p bob; [ "$(check channel)" = false ]; }
ok 'a channel whose lifetime is over is reported' wait_for forgotten
is "$status" 75 'which the next command mends: 75'
like <(text channel) 'missing on the server' 'in words'

finish
