# shellcheck shell=bash
# nginx.sh - a service of canned responses that is fast enough not to be the bottleneck: nginx with TLS, HTTP/1.1 and HTTP/2.
#
# nginx_start sets $nginx_url; log in with `kandy login` to it: any password is right, and the token lasts for a year.

base64url() { base64 -w 0 | tr '+/' '-_' | tr -d '='; }

nginx_start() {
	local dir=$scratch/servers/nginx port try user=bench-user messages token
	token=$(printf '{"alg":"none"}' | base64url).$(printf '{"preferred_username":"%s","services-identity":"alice@bench.example","iat":%d,"exp":%d}' \
		"$user" "$(date +%s)" $(($(date +%s) + 31536000)) | base64url).$(head -c 600 /dev/zero | base64url)
	messages=/cpaas/chat/v1/$user/oneToOne/bob@bench.example/adhoc/messages
	mkdir -p "$dir/files"
	for try in 1 2 3 4 5 6 7 8 9 10; do
		port=$((20000 + RANDOM))
		cat >"$dir/nginx.conf" <<-END
			daemon off; user $(id -un); worker_processes 1; pid $dir/pid; error_log $dir/error.log;
			events { worker_connections 1024; }
			http {
				access_log off; keepalive_requests 10000000; client_max_body_size 0; default_type application/json;
				client_body_temp_path $dir/body; proxy_temp_path $dir/proxy; fastcgi_temp_path $dir/fastcgi;
				uwsgi_temp_path $dir/uwsgi; scgi_temp_path $dir/scgi;
				sendfile on; ssl_certificate $scratch/tls/cert.pem; ssl_certificate_key $scratch/tls/key.pem;
				ssl_session_cache off; ssl_protocols TLSv1.2 TLSv1.3;
				server {
					listen 127.0.0.1:$port ssl http2 backlog=1024;
					location = /cpaas/auth/v1/token {
						return 200 '{"access_token":"$token","id_token":"$token","expires_in":31536000,"token_type":"Bearer"}';
					}
					location /cpaas/chat/ {
						return 201 '{"chatMessage":{"text":"","dateTime":1525895987,"senderAddress":"alice@bench.example","status":"Sent","resourceURL":"$messages/0123456789abcdef"}}';
					}
					location = /cpaas/nms/v1/chat/$user/objects {
						return 201 '{"object":{"attributes":{"attribute":[{"name":"link","value":"/cpaas/nms/v1/chat/$user/objects/1/payload"},{"name":"name","value":"big"},{"name":"size","value":1},{"name":"type","value":"application/octet-stream"},{"name":"x-id","value":"bench-1"}]},"flags":{"flag":[]}}}';
					}
					location = /cpaas/nms/v1/chat/$user/objects/1/payload { alias $dir/files/big; default_type application/octet-stream; }
				}
			}
		END
		nginx -p "$dir" -c "$dir/nginx.conf" >"$dir/log" 2>&1 </dev/null &
		server_pids+=($!)
		nginx_url=https://localhost:$port
		if wait_for 5 curl -sf --cacert "$ca" "$nginx_url/cpaas/auth/v1/token" && kill -0 $! 2>/dev/null; then
			nginx_token=$token nginx_messages=$nginx_url$messages nginx_objects=$nginx_url/cpaas/nms/v1/chat/$user/objects nginx_files=$dir/files
			return
		fi
		kill $! 2>/dev/null
	done
	fail "nginx does not start: $(tail -n 3 "$dir/log")"
}
