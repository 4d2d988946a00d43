// service.cjs - a service with WebSockets of npm's `ws` or of raw bytes, independent of kandy and its sandbox.
//
//	node service.cjs CERT KEY LOG LINES SCENE...
//
// Prints its port (TLS). Requests get canned answers, and the history is empty: what a scene ends a connection with comes when
// LINES, the output of the listener, has the message before it. The first WebSocket plays the first scene, the next one the second, and so on; the
// last one is played again and again. LOG gets a line of JSON for each WebSocket when it has ended: the scene, the code
// that the client closed with (1006: without), what its pongs carried, its request line without the token, and its
// headers. A scene is a name below; each message that it sends has its own ID and a text that begins with the scene's name. On SIGUSR2, CERT
// and KEY are read again and used after the next request for the list of subscriptions.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const https = require('https');
const path = require('path');
const { WebSocketServer } = require(path.join(process.env.INTEROP_MODULES, 'ws'));

const [cert, key, log, lines, ...scenes] = process.argv.slice(2);
const channel = '/cpaas/notificationchannel/v1/user-1/channels/ws-1';
const jwt = ['{}', JSON.stringify({ preferred_username: 'user-1', 'services-identity': 'alice@test.example', iat: 0, exp: 4102444800 }), 'x']
	.map((part) => Buffer.from(part).toString('base64url')).join('.');
let ids = 0, played = 0, another;

// A notification of `size` bytes, or as small as it can be.
function notification(text, size = 0) {
	const id = `n-${++ids}`;
	const make = (pad) => JSON.stringify({ chatMessageNotification: { id, chatMessage: { text, senderAddress: 'bob@test.example',
		'x-type': 'inbound', dateTime: 1525895987000 + ids, pad },
	link: [{ rel: 'chatMessage', href: `/cpaas/chat/v1/user-1/oneToOne/bob@test.example/adhoc/messages/m-${ids}` }] } });
	return Buffer.from(make('x'.repeat(Math.max(0, size - make('').length))));
}

function frame(first, payload) {
	const n = payload.length;
	const head = n < 126 ? [first, n] : n < 65536 ? [first, 126, n >> 8, n & 255] : [first, 127, 0, 0, 0, 0, n >> 24, n >> 16 & 255, n >> 8 & 255, n & 255];
	return Buffer.concat([Buffer.from(head), payload]);
}
const bytes = (...list) => Buffer.from(list);
// raw bytes after a valid message, which `ws` would never send
const broken = {
	'not-utf8': frame(0x81, bytes(0xc3, 0x28)),
	masked: bytes(0x81, 0x81, 1, 2, 3, 4, 5),
	reserved: frame(0xc1, bytes(0x78)),
	'unknown-kind': frame(0x83, bytes(0x78)),
	'long-ping': frame(0x89, Buffer.alloc(126)),
	'ping-in-pieces': frame(0x09, bytes(0x78)),
	'rest-of-nothing': frame(0x80, bytes(0x78)),
	'text-in-text': Buffer.concat([frame(0x01, bytes(0x78)), frame(0x81, bytes(0x79))]),
	'long-length': bytes(0x81, 126, 0, 1, 0x78),
	'huge-length': bytes(0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 1),
	'bad-code': frame(0x88, bytes(1006 >> 8, 1006 & 255)),
	'half-code': frame(0x88, bytes(3)),
	'reason-not-utf8': frame(0x88, bytes(3, 0xe8, 0xc3, 0x28)),
	'too-long': frame(0x81, Buffer.alloc((1 << 20) + 1, 0x78)).subarray(0, 70000),
};

function fragments(socket, message, size) {
	for (let at = 0; at < message.length; at += size) {
		socket.send(message.subarray(at, at + size), { binary: false, fin: at + size >= message.length });
		if (at % 64 === 0)
			socket.ping(`between ${at}`);
	}
}

// Calls `then` once a message has come out.
function shown(text, then) {
	const timer = setInterval(() => {
		if (fs.readFileSync(lines, 'utf8').includes(JSON.stringify(text))) {
			clearInterval(timer);
			then();
		}
	}, 20);
}
// Sends a message that says `text`, and does `then` when it has come out.
function say(socket, text, then) {
	socket.send(notification(text), { binary: false });
	shown(text, then);
}

const acts = {
	whole: (socket) => {
		for (const size of [0, 125, 126, 65535, 65536, 1 << 20])
			socket.send(notification(`whole ${size}`, size), { binary: false });
		socket.send('', { binary: false });
		socket.send(bytes(1, 2, 3), { binary: true });
		socket.send(notification('whole end'), { binary: false });
	},
	fragments: (socket) => {
		fragments(socket, notification('fragments of 1 \u03bb\u{1f600}'), 1);
		fragments(socket, notification('fragments of 65535', 200000), 65535);
		socket.send('', { binary: false, fin: false });
		socket.send(notification('fragments, an empty one first'), { fin: true });
	},
	trickle: (socket) => {
		const all = Buffer.concat([frame(0x81, notification('trickle 1')), frame(0x89, bytes(0x74)), frame(0x81, notification('trickle 2'))]);
		let at = 0;
		const next = () => at < all.length && socket._socket.write(all.subarray(at, ++at), next);
		next();
	},
	'close-1001': (socket) => say(socket, 'close-1001', () => socket.close(1001, 'bye')),
	'close-4999': (socket) => say(socket, 'close-4999', () => socket.close(4999)),
	'close-none': (socket) => say(socket, 'close-none', () => socket.close()),
	cut: (socket) => say(socket, 'cut', () => socket.terminate()),
	last: (socket) => socket.send(notification('last'), { binary: false }),
};

function note(what) { fs.appendFileSync(log, `${JSON.stringify(what)}\n`); }

// The head of the answer by hand: `lines` more, and `behind` it bytes in the same write.
function by_hand(request, socket, scene, accept, lines, behind) {
	socket.on('error', () => {});
	socket.on('close', () => note({ scene, close: 1006 }));
	socket.on('end', () => socket.end());
	socket.resume();
	socket.write(Buffer.concat([Buffer.from(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
		+ `Sec-WebSocket-Accept: ${accept}\r\n${lines}\r\n`), behind]));
}

const server = https.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, (request, response) => {
	const send = (status, body) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
	request.resume();
	if (request.url.endsWith('/token'))
		send(200, { access_token: jwt, id_token: jwt, expires_in: 3600, token_type: 'Bearer' });
	else if (request.url.includes('/channels'))
		send(request.method === 'POST' ? 201 : 200, { notificationChannel: { callbackURL: 'ws-1', channelData: { channelURL: `${channel}/websocket` },
			channelLifetime: 86400, channelType: 'websockets', 'x-connCheckRole': 'client', resourceURL: channel } });
	else if (request.url.includes('/subscriptions')) {
		if (another)
			server.setSecureContext(another);
		another = undefined;
		send(201, { chatNotificationSubscription: { callbackReference: { notifyURL: 'ws-1' }, resourceURL: '/cpaas/chat/v1/user-1/subscriptions/1' } });
	} else if (request.url.includes('/sessions'))
		send(200, { chatSessionList: { chatSession: [] } });
	else
		send(404, {});
});
const sockets = new WebSocketServer({ noServer: true });

server.on('upgrade', (request, socket, head) => {
	const scene = scenes[Math.min(played++, scenes.length - 1)];
	const accept = crypto.createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
	if (scene === 'early') {
		by_hand(request, socket, scene, accept, 'Server: x\r\n', Buffer.concat([frame(0x81, notification('early 1')),
			frame(0x81, notification('early 2'))]));
		return shown('early 2', () => socket.write(frame(0x88, bytes(3, 0xe8))));
	}
	if (scene === 'extension')
		return by_hand(request, socket, scene, accept, 'Sec-WebSocket-Extensions: permessage-deflate\r\n', frame(0x81, notification('extension')));
	if (scene === 'wrong-accept')
		return by_hand(request, socket, scene, accept.replace(/^./, '!'), '', frame(0x81, notification('wrong-accept')));
	if (scene === 'redirect') {
		note({ scene, close: 1006 });
		return socket.end('HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n');
	}
	return sockets.handleUpgrade(request, socket, head, (client) => {
		const pongs = [];
		client.on('pong', (data) => pongs.push(data.toString()));
		client.on('error', () => {});
		client.on('close', (code) => note({ scene, close: code, pongs, request: `${request.method} ${request.url.replace(jwt, 'TOKEN')}`, headers: request.headers }));
		if (acts[scene]) {
			acts[scene](client);
		} else {
			say(client, scene, () => client._socket.write(broken[scene]));
		}
	});
});
process.on('SIGUSR2', () => {
	another = { cert: fs.readFileSync(cert), key: fs.readFileSync(key) };
	console.log('another certificate');
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
