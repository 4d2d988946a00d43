// websocket.cjs - a WebSocket client by hand, for tests of the sandbox: it shows every frame and can break every rule.
//
//	node websocket.cjs URL [OPTION VALUE]...
//
//	--ca FILE          the certificate to trust (wss)
//	--header 'N: V'    one more header of the upgrade
//	--send TEXT        a text message, once open (repeatable)
//	--hex BYTES        raw bytes, once open, hexadecimal, nothing added
//	--count N          end after N messages (a pong counts)
//	--frames           show fragments one by one, not whole messages
//	--quiet            only count them: prints {"messages":N,"bytes":N,"ms":MS} at the end
//	--stall            read nothing once open
//
// Prints a line for each message (as it came), then {"close":CODE} or {"end":true} for what ended it, or {"http":STATUS} if
// the upgrade was refused. Exits 0 after --count messages, else 1.
'use strict';
const net = require('net');
const tls = require('tls');
const fs = require('fs');
const crypto = require('crypto');

const url = new URL(process.argv[2]);
const options = { send: [], header: [] };
for (let i = 3; i < process.argv.length; i++) {
	const name = process.argv[i].replace(/^--/, '');
	if (['frames', 'quiet', 'stall'].includes(name))
		options[name] = true;
	else if (name === 'send' || name === 'header')
		options[name].push(process.argv[++i]);
	else
		options[name] = process.argv[++i];
}
const count = options.count === undefined ? Infinity : Number(options.count);
const secure = url.protocol === 'wss:' || url.protocol === 'https:';
const target = { host: url.hostname, port: Number(url.port || (secure ? 443 : 80)) };
const socket = secure
	? tls.connect({ ...target, ca: options.ca && fs.readFileSync(options.ca), servername: '' })
	: net.connect(target);
const key = crypto.randomBytes(16).toString('base64');
let open = false, input = Buffer.alloc(0), parts = [], messages = 0, bytes = 0, started = 0, ended = false;

function end(line, code) {
	if (ended)
		return;
	ended = true;
	if (options.quiet)
		line = { messages, bytes, ms: Math.round(Number(process.hrtime.bigint() - started) / 1e6), ...line };
	const text = line && Object.keys(line).length ? JSON.stringify(line) + '\n' : '';
	fs.writeSync(1, text);
	process.exit(code);
}

function frame(kind, payload) {
	const mask = crypto.randomBytes(4), n = payload.length;
	const head = n < 126 ? Buffer.from([0x80 | kind, 0x80 | n])
		: n < 65536 ? Buffer.from([0x80 | kind, 0x80 | 126, n >> 8, n & 255])
			: Buffer.concat([Buffer.from([0x80 | kind, 0x80 | 127, 0, 0, 0, 0]), Buffer.from(Uint32Array.of(n).buffer).swap32()]);
	return Buffer.concat([head, mask, Buffer.from(payload.map((b, i) => b ^ mask[i % 4]))]);
}

function message(payload) {
	messages++;
	bytes += payload.length;
	if (!options.quiet)
		fs.writeSync(1, payload.toString() + '\n');
	if (messages >= count)
		end({}, 0);
}

function take(final, kind, payload) {
	if (kind === 8)
		end({ close: payload.length < 2 ? null : payload.readUInt16BE(0) }, 1);
	else if (kind === 9)
		socket.write(frame(10, payload));
	else if (kind === 10)
		message(Buffer.from(JSON.stringify({ pong: payload.toString() })));
	else if (options.frames)
		message(Buffer.from(JSON.stringify({ final, kind, bytes: payload.length })));
	else {
		parts.push(payload);
		if (final) {
			const whole = parts.length === 1 ? parts[0] : Buffer.concat(parts);
			parts = [];
			message(whole);
		}
	}
}

function handshake() {
	const at = input.indexOf('\r\n\r\n');
	if (at < 0)
		return false;
	const head = input.subarray(0, at).toString('latin1'), status = Number(head.split(' ')[1]);
	if (status !== 101)
		end({ http: status }, 1);
	const wanted = crypto.createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
	if (!head.toLowerCase().includes('sec-websocket-accept: ' + wanted.toLowerCase()))
		end({ accept: 'wrong' }, 1);
	input = input.subarray(at + 4);
	open = true;
	if (options.stall)
		socket.pause();
	for (const text of options.send)
		socket.write(frame(1, Buffer.from(text)));
	if (options.hex)
		socket.write(Buffer.from(options.hex, 'hex'));
	return true;
}

socket.on(secure ? 'secureConnect' : 'connect', () => {
	started = process.hrtime.bigint();
	socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
		+ `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n${options.header.map((h) => h + '\r\n').join('')}\r\n`);
});
socket.on('data', (data) => {
	input = input.length ? Buffer.concat([input, data]) : data;
	if (!open && !handshake())
		return;
	let at = 0;
	while (input.length - at >= 2) {
		let n = input[at + 1] & 127, head = 2;
		if (n === 126 && input.length - at >= 4) {
			n = input.readUInt16BE(at + 2);
			head = 4;
		} else if (n === 127 && input.length - at >= 10) {
			n = Number(input.readBigUInt64BE(at + 2));
			head = 10;
		} else if (n > 125) {
			break;
		}
		if (input.length - at < head + n)
			break;
		take((input[at] & 128) !== 0, input[at] & 15, input.subarray(at + head, at + head + n));
		at += head + n;
	}
	input = input.subarray(at);
});
socket.on('error', (e) => end({ error: e.code || e.message }, 1));
socket.on('close', () => end({ end: true }, 1));
