// listen.cjs - a Node client that parses each message and prints it as a line.
//
//	node listen.cjs PORT CAFILE COUNT
'use strict';
const fs = require('fs');
const path = require('path');
const { WebSocket } = require(path.join(process.env.INTEROP_MODULES, 'ws'));

const [port, ca, count] = process.argv.slice(2);
let left = Number(count);
const socket = new WebSocket(`wss://localhost:${port}/cpaas/notificationchannel/v1/bench-user/channels/ws-1/websocket`,
	{ ca: fs.readFileSync(ca), perMessageDeflate: false });

socket.on('message', (data) => {
	process.stdout.write(`${JSON.stringify(JSON.parse(data))}\n`);
	if (--left === 0)
		socket.terminate();
});
socket.on('error', (error) => {
	console.error(error.message);
	process.exitCode = 1;
});
