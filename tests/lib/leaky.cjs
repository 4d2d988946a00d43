// leaky.cjs - a service that echoes its input, and puts secrets of its own in each place of a response. Plain HTTP.
//
//	node leaky.cjs SECRET...
//
// Prints its port, then serves until it is killed. A login with one of the SECRETs (a password or client secret) works; any other is
// refused with the whole form in the sentence. Sending is refused with the Authorization in it. The WebSocket has a token in its path, and
// is refused. Each answer has headers with secrets. What the service makes up begins with "made-up-".
'use strict';
const http = require('http');

const good = process.argv.slice(2);
const channel = '/cpaas/notificationchannel/v1/user-1/channels/ws-1';
const token = (name) => [JSON.stringify({ name }), JSON.stringify({ preferred_username: 'user-1', 'services-identity': 'alice@test.example',
	iat: 0, exp: 4102444800 }), 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.');
const headers = {
	'Content-Type': 'application/json',
	'Set-Cookie': 'id=made-up-cookie; Path=/',
	'Set-Cookie2': 'id=made-up-cookie2',
	'X-Auth-Token': 'made-up-auth-token',
	'X-Subject-Token': 'made-up-subject-token',
	'Authentication-Info': 'nextnonce="made-up-nonce"',
	'Proxy-Authentication-Info': 'nextnonce="made-up-proxy-nonce"',
	Refresh: '5; url=https://h.example/?code=made-up-refresh',
	Link: '<https://h.example/p?page=2&access_token=made-up-link>; rel="next"',
	'Content-Location': '/p?t=made-up-location',
	'X-Debug': 'user=u, password=made-up-password',
	'X-Json': '{"refresh_token":"made-up-refresh-token"}',
	'X-Callback': 'https://user:made-up-user@h.example/',
};

const server = http.createServer((request, response) => {
	const send = (status, body) => response.writeHead(status, headers).end(JSON.stringify(body));
	let body = '';

	request.on('data', (data) => { body += data; });
	request.on('end', () => {
		const form = new URLSearchParams(body);

		if (request.url.endsWith('/token') && good.includes(form.get('password') || form.get('client_secret')))
			send(200, { access_token: token('access'), id_token: token('id'), refresh_token: 'made-up-opaque-token', expires_in: 3600 });
		else if (request.url.endsWith('/token'))
			send(400, { error: 'invalid_request', error_description: `cannot use ${body} or ${decodeURIComponent(body)} or ${JSON.stringify(decodeURIComponent(body))}` });
		else if (request.url.includes('/channels'))
			send(request.method === 'POST' ? 201 : 200, { notificationChannel: { callbackURL: 'ws-1',
				channelData: { channelURL: `${channel}/websocket?access_token=made-up-path&x=1` }, channelLifetime: 86400,
				channelType: 'websockets', 'x-connCheckRole': 'client', resourceURL: channel } });
		else if (request.url.includes('/subscriptions'))
			send(201, { chatNotificationSubscription: { callbackReference: { notifyURL: 'ws-1' }, resourceURL: '/cpaas/chat/v1/user-1/subscriptions/1' } });
		else if (request.url.includes('/sessions'))
			send(200, { chatSessionList: { chatSession: [] } });
		else
			send(400, { message: `${request.url} with ${request.headers.authorization} is nothing; ${body}` });
	});
});
server.on('upgrade', (request, socket) => {
	socket.on('error', () => {});
	socket.end(`HTTP/1.1 404 ${request.url}\r\nX-Auth-Token: made-up-socket\r\nContent-Length: 0\r\n\r\n`);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
