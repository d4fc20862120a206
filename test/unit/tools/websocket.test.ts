// SPDX-License-Identifier: MIT
/** The WebSocket of the programs that drive browsers, with a server that is written here. */
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import t, { type Test } from 'tap';
import { connectText, frameOf, frameReader } from '../../../tools/browsers/websocket.js';

/** A frame of a server: without a mask. */
function ofServer(first: number, payload: Buffer): Buffer {
  const { length } = payload;
  if (length < 126) return Buffer.concat([Buffer.from([first, length]), payload]);
  const head = length < 2 ** 16 ? Buffer.from([first, 126, length >> 8, length & 0xff]) : Buffer.alloc(10);
  if (length >= 2 ** 16) {
    head[0] = first;
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

function unmasked(frame: Buffer): { readonly first: number; readonly payload: string } {
  const short = frame.readUInt8(1) & 0x7f;
  const at = short < 126 ? 2 : short === 126 ? 4 : 10;
  const mask = frame.subarray(at, at + 4);
  const payload = Buffer.from(frame.subarray(at + 4).map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
  return { first: frame.readUInt8(0), payload: payload.toString() };
}

t.test('frames of the client are masked, whatever their length', async (t) => {
  for (const length of [0, 1, 125, 126, 65_535, 65_536]) {
    const text = 'x'.repeat(length);
    const frame = frameOf(1, Buffer.from(text));
    t.equal(frame.readUInt8(1) & 0x80, 0x80, `${length} bytes are masked`);
    t.same(unmasked(frame), { first: 0x81, payload: text });
  }
});

t.test('frames of the server, in pieces of any size', async (t) => {
  const sent = [
    ofServer(0x81, Buffer.from('short')),
    ofServer(0x01, Buffer.from('in ')),
    ofServer(0x89, Buffer.from('ping')),
    ofServer(0x00, Buffer.from('three ')),
    ofServer(0x80, Buffer.from('parts')),
    ofServer(0x81, Buffer.from('m'.repeat(300))),
    ofServer(0x81, Buffer.from('l'.repeat(70_000))),
    ofServer(0x81, Buffer.alloc(0)),
  ];
  const bytes = Buffer.concat(sent);
  for (const step of [1, 7, 4096, bytes.length]) {
    const got: string[] = [];
    const read = frameReader((opcode, payload) => got.push(`${opcode} ${payload.toString()}`));
    for (let at = 0; at < bytes.length; at += step) read(bytes.subarray(at, at + step));
    t.same(
      got,
      ['1 short', '9 ping', '1 in three parts', `1 ${'m'.repeat(300)}`, `1 ${'l'.repeat(70_000)}`, '1 '],
      `${step} bytes at a time`,
    );
  }
});

/** A server that does with each connection what `serve` does. */
async function listening(t: Test, serve: (server: Server) => void): Promise<string> {
  const server = createServer((_, response) => response.writeHead(404).end());
  serve(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/session`;
}

t.test('a conversation', async (t) => {
  const heard: string[] = [];
  const url = await listening(t, (server) =>
    server.on('upgrade', ({ headers }, socket: Socket) => {
      const key = `${headers['sec-websocket-key'] ?? ''}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
      const accept = createHash('sha1').update(key).digest('base64');
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      // At once, so that it may come with the answer.
      socket.write(ofServer(0x81, Buffer.from('hello')));
      socket.on('data', (frame: Buffer) => {
        const { first, payload } = unmasked(frame);
        heard.push(`${first & 0xf} ${payload}`);
        if (payload === 'question') socket.write(ofServer(0x89, Buffer.from('there?')));
        if (payload === 'there?') socket.write(ofServer(0x81, Buffer.from('answer')));
        if ((first & 0xf) === 8) socket.end();
      });
    }),
  );
  let [said, tell]: [string[], () => void] = [[], () => undefined];
  const until = (text: string): Promise<void> =>
    new Promise((resolve) => {
      tell = () => said.at(-1) === text && resolve();
      tell();
    });
  const over = new Promise<void>((resolve) => {
    void connectText(
      url,
      (text) => {
        said = [...said, text];
        tell();
      },
      resolve,
    ).then(async (socket) => {
      await until('hello');
      socket.send('question');
      await until('answer');
      socket.close();
    });
  });
  await over;
  t.same(said, ['hello', 'answer']);
  t.same(heard, ['1 question', '10 there?', '8 '], 'a ping is answered');
});

t.test('what is no WebSocket', async (t) => {
  const connect = (url: string): Promise<unknown> =>
    connectText(
      url,
      () => undefined,
      () => undefined,
    );
  await t.rejects(connect(await listening(t, () => undefined)), { message: /status 404/ });
  const wrong = await listening(t, (server) =>
    server.on('upgrade', (_, socket: Socket) =>
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n',
      ),
    ),
  );
  await t.rejects(connect(wrong), { message: /it is no WebSocket/ });
  await t.rejects(connect('http://127.0.0.1:1/'), { message: /cannot connect to http:\/\/127\.0\.0\.1:1\/: / });
});
