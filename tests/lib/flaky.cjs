// flaky.cjs - a TCP relay to a server that works only after some connections.
//
//	node flaky.cjs PORT WANTED LOG
//
// Listens on a free port, which it prints, and relays each connection to PORT of 127.0.0.1, but resets the first WANTED of them:
// at once (WANTED = "3 accept"), or after the first bytes, in the middle of the TLS handshake ("3 handshake"). LOG gets a line for
// each connection.
'use strict';
const fs = require('fs');
const net = require('net');

const [port, wanted, log] = process.argv.slice(2);
let [left, when] = wanted.split(' ');

const server = net.createServer((socket) => {
	const bad = left > 0 && left--;

	fs.appendFileSync(log, bad ? 'reset\n' : 'led on\n');
	socket.on('error', () => {});
	if (bad && when === 'accept') {
		socket.resetAndDestroy();
		return;
	}
	if (bad) {
		socket.once('data', () => socket.resetAndDestroy());
		return;
	}
	const onward = net.connect(Number(port), '127.0.0.1');

	onward.on('error', () => socket.destroy());
	socket.on('close', () => onward.destroy());
	onward.on('close', () => socket.destroy());
	socket.pipe(onward);
	onward.pipe(socket);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
