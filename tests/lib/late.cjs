// late.cjs - a gateway that times out on a message before it forwards the message to the service.
//
//	node late.cjs PORT WHAT MS LOG
//
// Listens on a free port, which it prints, and hands each request on to the plain server at PORT of 127.0.0.1. But the first message
// that is posted is answered at once, with the status WHAT, with a 200 whose body is compressed ("gzip") or has no type ("untyped"),
// or by closing the connection ("drop"), and handed on MS milliseconds later. LOG gets a line for each message that the server has accepted.
'use strict';
const fs = require('fs');
const http = require('http');
const { gzipSync } = require('zlib');

const [port, what, ms, log] = process.argv.slice(2);
let early = true;

const handOn = (request, body, done) => {
	const onward = http.request({ host: '127.0.0.1', port, method: request.method, path: request.url, headers: request.headers }, (answer) => {
		const chunks = [];

		answer.on('data', (chunk) => chunks.push(chunk));
		answer.on('end', () => done(answer, Buffer.concat(chunks)));
	});
	onward.on('error', () => {});
	onward.end(body);
};

http.createServer((request, response) => {
	const chunks = [];

	request.on('data', (chunk) => chunks.push(chunk));
	request.on('end', () => {
		const message = request.method === 'POST' && request.url.endsWith('/messages');
		const first = message && early;

		early = early && !message;
		if (first && what === 'drop')
			response.destroy();
		else if (first && what === 'gzip')
			response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }).end(gzipSync('{"chatMessage":{}}'));
		else if (first && what === 'untyped')
			response.writeHead(200).end('OK');
		else if (first)
			response.writeHead(Number(what), { 'Content-Type': 'text/html' }).end('<h1>no</h1>');
		setTimeout(() => handOn(request, Buffer.concat(chunks), (answer, body) => {
			if (message && answer.statusCode === 201)
				fs.appendFileSync(log, 'accepted\n');
			if (!first)
				response.writeHead(answer.statusCode, answer.headers).end(body);
		}), first ? Number(ms) : 0);
	});
}).listen(0, '127.0.0.1', function () { console.log(this.address().port); });
