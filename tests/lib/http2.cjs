// http2.cjs - a service of canned responses over HTTP/2 that leaves some requests unprocessed, as RFC 9113 allows.
//
//	node http2.cjs LOG KEY CERTIFICATE refuse | never | goaway | plain
//
// Prints its port, then serves until it is killed. LOG gets a line for each request: "METHOD PATH VERDICT BODY", and one for each
// connection: "connection".
//   refuse   the first two messages are reset with REFUSED_STREAM, later ones are accepted
//   never    so is every message
//   plain    all are taken, each after 20 ms
//   goaway   of every connection eight messages are taken, then GOAWAY names the last of them, and the others stay without an answer
// Any password is right.
'use strict';
const fs = require('fs');
const http2 = require('http2');

const [log, key, cert, mode] = process.argv.slice(2);
const EACH = 8;
let refusals = 2;
let sent = 0;

const part = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');
const now = Math.floor(Date.now() / 1000);
const token = `${part({ alg: 'none' })}.${part({ preferred_username: 'h2-user', 'services-identity': 'alice@h2.example',
	iat: now, exp: now + 86400 })}.${part('signature')}`;

function verdict(session, stream) {
	if (mode === 'plain')
		return 'taken';
	if (mode === 'never')
		return 'refused';
	if (mode === 'refuse')
		return refusals > 0 && refusals-- ? 'refused' : 'taken';
	session.taken = session.taken || 0;
	if (session.taken >= EACH)
		return 'ignored';
	if (++session.taken === EACH)
		session.goaway(http2.constants.NGHTTP2_NO_ERROR, stream.id);
	return 'taken';
}

function answer(stream, status, body) {
	stream.respond({ ':status': status, 'content-type': 'application/json' });
	stream.end(JSON.stringify(body));
}

function message(stream, method, path, session) {
	const what = verdict(session, stream);
	let body = '';

	if (what === 'refused') {
		fs.appendFileSync(log, `${method} ${path} refused\n`);
		stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
		return;
	}
	stream.on('data', (bytes) => { body += bytes; });
	stream.on('end', () => {
		fs.appendFileSync(log, `${method} ${path} ${what} ${body}\n`);
		if (what === 'taken')
			setTimeout(answer, mode === 'plain' ? 20 : 0, stream, 201,
				{ chatMessage: { dateTime: now, status: 'Sent', resourceURL: `${path}/m${++sent}` } });
	});
}

const server = http2.createSecureServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) });
server.on('stream', (stream, headers) => {
	const method = headers[':method'], path = headers[':path'];

	stream.on('error', () => {});
	if (path.endsWith('/token'))
		answer(stream, 200, { access_token: token, id_token: token, expires_in: 86400, token_type: 'Bearer' });
	else if (method === 'POST')
		message(stream, method, path, stream.session);
	else {
		fs.appendFileSync(log, `${method} ${path} unknown\n`);
		answer(stream, 404, {});
	}
});
server.on('session', () => fs.appendFileSync(log, 'connection\n'));
server.on('sessionError', () => {});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
