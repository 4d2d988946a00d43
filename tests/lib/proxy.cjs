// proxy.cjs - an HTTP proxy for the tests: CONNECT, and plain requests with an absolute URL.
//
//	node proxy.cjs LOG [USER:PASSWORD | refuse | sockets=PORT]
//
// Prints its port, then serves until it is killed. LOG gets a line for each request: "CONNECT host:port STATUS HEADERS...",
// with the names (not the values) of all headers. With USER:PASSWORD it wants these; with `refuse` it refuses everything; with `sockets=PORT` it
// leads those whose TLS does not offer HTTP/2, as that of a WebSocket does not, to that port of 127.0.0.1.
'use strict';
const fs = require('fs');
const http = require('http');
const net = require('net');

const [log, mode] = process.argv.slice(2);
const elsewhere = mode && mode.startsWith('sockets=') ? Number(mode.slice(8)) : 0;
const wanted = mode && mode !== 'refuse' && !elsewhere ? Buffer.from(mode).toString('base64') : null;

function verdict(request) {
	if (mode === 'refuse')
		return 403;
	if (!wanted)
		return 200;
	const [scheme, credentials] = (request.headers['proxy-authorization'] || '').split(' ');
	return scheme.toLowerCase() === 'basic' && credentials === wanted ? 200 : 407;
}

function note(request, target, status) {
	fs.appendFileSync(log, `${request.method} ${target} ${status} ${Object.keys(request.headers).sort().join(' ')}\n`);
}

const server = http.createServer((request, response) => {
	const status = verdict(request);

	note(request, request.url, status);
	if (status !== 200) {
		response.writeHead(status).end();
		return;
	}
	const headers = { ...request.headers };
	delete headers['proxy-authorization'];
	const onward = http.request(request.url, { method: request.method, headers }, (answer) => {
		response.writeHead(answer.statusCode, answer.headers);
		answer.pipe(response);
	});
	onward.on('error', () => response.destroy());
	request.pipe(onward);
});

server.on('connect', (request, socket, head) => {
	const status = verdict(request);
	const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(request.url);

	note(request, request.url, status);
	socket.on('error', () => {});
	if (status !== 200) {
		socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
		return;
	}
	const connected = 'HTTP/1.1 200 Connection established\r\n\r\n';
	const join = (to, at, first, greeting) => {
		const onward = net.connect(to, at, () => {
			socket.write(greeting);
			onward.write(first);
			onward.pipe(socket);
			socket.pipe(onward);
		});
		onward.on('error', () => socket.destroy());
		onward.on('close', () => socket.destroy());
		socket.on('close', () => onward.destroy());
	};

	if (!elsewhere) {
		join(Number(port), host, head, connected);
		return;
	}
	socket.write(connected);
	socket.once('data', (hello) => {
		const http2 = hello.includes('\x02h2');

		fs.appendFileSync(log, `${http2 ? 'requests' : 'socket'} ${request.url}\n`);
		socket.pause();
		join(http2 ? Number(port) : elsewhere, '127.0.0.1', hello, '');
	});
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
