// pages.cjs - a service whose histories have odd pages, for the tests of `history`. Plain HTTP on 127.0.0.1.
//
//	node pages.cjs LOG
//
// Prints its base URL. LOG gets the target of each GET. The conversation with SCENE@pages.example is:
//	circle       pages without messages, their tokens A, B, A, B ...
//	long-circle  pages of one message, their tokens 0, 1 .. 99, 0 ...
//	hollow       pages without messages, each with a new token
//	gaps         20 pages, a message in each second one
//	swollen      three messages; the line of the second one would be too long
//	large        four messages, as many a page as are asked for; the third one has 4 MiB of text
//	monster      the same, but the third one is larger than any answer may be
// Both of these are in the list of conversations.
'use strict';
const fs = require('fs');
const http = require('http');

const log = process.argv[2];
const jwt = ['{}', JSON.stringify({ preferred_username: 'user-1', 'services-identity': 'alice@pages.example', iat: 0, exp: 4102444800 }), 'x']
	.map((part) => Buffer.from(part).toString('base64url')).join('.');
const newest = 1525895987000;
const message = (n, more) => ({ text: `text ${n}`, senderAddress: 'bob@pages.example', dateTime: newest - 1000 * n,
	resourceURL: `/cpaas/chat/v1/user-1/oneToOne/bob@pages.example/adhoc/messages/m-${n}`, ...more });

const four = (third) => (next, max) => [[1, 2, 3, 4].slice(Number(next), Number(next) + max).map((n) => message(n, n === 3 && third)),
	Number(next) + max < 4 ? String(Number(next) + max) : undefined];

const scenes = {
	large: four({ text: 'x'.repeat(4 << 20) }),
	monster: four({ text: 'x'.repeat(20 << 20) }),
	circle: (next) => [[], next === 'A' ? 'B' : 'A'],
	'long-circle': (next) => [[message(Number(next))], String((Number(next) + 1) % 100)],
	hollow: (next) => [[], String(Number(next) + 1)],
	gaps: (next) => [Number(next) % 2 ? [message(Number(next))] : [], next === '19' ? undefined : String(Number(next) + 1)],
	swollen: () => [[message(1), message(2, { attachment: Array(50000).fill({}) }), message(3)]],
};

http.createServer((request, response) => {
	const send = (body) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
	const url = new URL(request.url, 'http://here');
	const scene = scenes[/\/oneToOne\/([a-z-]+)@/.exec(url.pathname)?.[1]];

	request.resume();
	if (request.method === 'POST') {
		send({ access_token: jwt, id_token: jwt, expires_in: 3600, token_type: 'Bearer' });
		return;
	}
	fs.appendFileSync(log, `${request.url}\n`);
	if (url.pathname.endsWith('/oneToOne/sessions')) {
		send({ chatSessionList: { chatSession: ['large', 'monster'].map((name) => ({ remoteAddress: `${name}@pages.example`,
			sessionDetails: { lastMessageTime: newest - 1000 } })) } });
		return;
	}
	if (!scene) {
		response.writeHead(404).end();
		return;
	}
	const [chatMessage, next] = scene(url.searchParams.get('next') ?? '0', Number(url.searchParams.get('max') ?? 50));
	send({ chatMessageList: { chatMessage, next } });
}).listen(0, '127.0.0.1', function () { console.log(`http://127.0.0.1:${this.address().port}`); });
