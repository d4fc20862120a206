// SPDX-License-Identifier: MIT
/** A WebSocket to a program on this host, for texts. Node 20 has none of its own. */
import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { RigError } from '../../emulator/machine/errors.js';

export interface TextSocket {
  send(text: string): void;
  close(): void;
}

/** Of RFC 6455. */
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const OPCODE = { more: 0, text: 1, close: 8, ping: 9, pong: 10 } as const;
const CONNECT_MS_MAX = 60_000;

/**
 * Connects to `http://...`. `onText` gets each message, and `onEnd` is called once when there will be no more.
 * @throws RigError when nothing answers, or something else than a WebSocket.
 */
export async function connectText(url: string, onText: (text: string) => void, onEnd: () => void): Promise<TextSocket> {
  const key = randomBytes(16).toString('base64');
  const socket = await new Promise<Socket>((resolve, reject) => {
    const fail = (why: string, cause?: unknown): void =>
      reject(new RigError(`cannot connect to ${url}: ${why}`, { cause, remedy: 'run the command again' }));
    const asked = request(url, {
      headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': key },
      timeout: CONNECT_MS_MAX,
    });
    asked.once('error', (cause) => fail(cause.message, cause));
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.once('response', ({ statusCode }) => {
      asked.destroy();
      fail(`status ${statusCode ?? 'unknown'}`);
    });
    asked.once('upgrade', ({ headers }, upgraded: Socket, head: Buffer) => {
      const accept = createHash('sha1').update(`${key}${ACCEPT_SUFFIX}`).digest('base64');
      if (headers['sec-websocket-accept'] !== accept) {
        upgraded.destroy();
        return fail('it is no WebSocket');
      }
      if (head.length > 0) upgraded.unshift(head);
      resolve(upgraded);
    });
    asked.end();
  });
  socket.setTimeout(0);
  socket.setNoDelay();
  const read = frameReader((opcode, payload) => {
    if (opcode === OPCODE.text) onText(payload.toString('utf8'));
    if (opcode === OPCODE.ping) socket.write(frameOf(OPCODE.pong, payload));
    if (opcode === OPCODE.close) socket.end();
  });
  socket.on('data', read);
  socket.on('error', () => undefined);
  socket.once('close', onEnd);
  return {
    send: (text) => void socket.write(frameOf(OPCODE.text, Buffer.from(text))),
    close: () => void socket.end(frameOf(OPCODE.close, Buffer.alloc(0))),
  };
}

/** A frame of a client: the whole message, with a mask. */
export function frameOf(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 2 ** 16 ? 2 : 8;
  const head = Buffer.alloc(2 + lengthBytes);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) head.writeUInt16BE(length, 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(length), 2);
  const mask = randomBytes(4);
  const masked = Buffer.from(payload);
  for (let at = 0; at < length; at++) masked[at] = (masked[at] ?? 0) ^ (mask[at % 4] ?? 0);
  return Buffer.concat([head, mask, masked]);
}

/** Answers what takes the bytes of a server, in pieces of any size. `onMessage` gets each whole message, and each control frame. */
export function frameReader(onMessage: (opcode: number, payload: Buffer) => void): (bytes: Buffer) => void {
  // Joined when a frame is complete: a long one comes in many pieces.
  let pieces: Buffer[] = [];
  let [held, wanted] = [0, 2];
  let parts: Buffer[] = [];
  let opcodeOfParts: number = OPCODE.text;
  /** Answers the bytes behind the frame at the beginning of `bytes`, or how many bytes are needed for it. */
  const take = (bytes: Buffer): Buffer | number => {
    if (bytes.length < 2) return 2;
    const [first, second] = [bytes.readUInt8(0), bytes.readUInt8(1) & 0x7f];
    const head = second < 126 ? 2 : second === 126 ? 4 : 10;
    if (bytes.length < head) return head;
    const length = head === 2 ? second : head === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    const end = head + length;
    if (bytes.length < end) return end;
    const payload = bytes.subarray(head, end);
    const opcode = first & 0xf;
    if (opcode >= OPCODE.close) onMessage(opcode, payload);
    else {
      if (opcode !== OPCODE.more) opcodeOfParts = opcode;
      parts.push(payload);
      if ((first & 0x80) !== 0) {
        const whole = Buffer.concat(parts);
        parts = [];
        onMessage(opcodeOfParts, whole);
      }
    }
    return bytes.subarray(end);
  };
  return (bytes) => {
    pieces.push(bytes);
    held += bytes.length;
    if (held < wanted) return;
    let rest: Buffer | number = Buffer.concat(pieces);
    let left = rest;
    while (typeof rest !== 'number') {
      left = rest;
      rest = take(left);
    }
    [pieces, held, wanted] = [[left], left.length, rest];
  };
}
