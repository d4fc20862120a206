// SPDX-License-Identifier: MIT
import { test } from 'tap';
import { cobsDecode, cobsEncode } from '../../../emulator/agent/cobs.js';
import { crc32 } from '../../../emulator/machine/crc32.js';
import { concat } from '../../../emulator/machine/bytes.js';
import { decodeFrame, encodeFrame, type Frame, FrameReader } from '../../../emulator/agent/frame.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const pattern = (length: number, zeroEvery: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i % zeroEvery === 0 ? 0 : (i * 7 + 1) & 0xff));

test('CRC-32 has the well-known check value', async (t) => {
  t.equal(crc32(ascii('123456789')), 0xcbf4_3926);
  t.equal(crc32(bytes()), 0);
});

test('COBS gives the encodings of its paper', async (t) => {
  t.same(cobsEncode(bytes(0)), bytes(1, 1));
  t.same(cobsEncode(bytes(0x11, 0x22, 0, 0x33)), bytes(3, 0x11, 0x22, 2, 0x33));
  t.same(cobsEncode(bytes(0x11, 0, 0, 0)), bytes(2, 0x11, 1, 1, 1));
});

test('COBS comes back whole at every length around its blocks, with no zero on the way', async (t) => {
  for (const length of [0, 1, 2, 253, 254, 255, 256, 507, 508, 509, 510, 1000]) {
    for (const zeroEvery of [1, 2, 254, 255, 256, 5000]) {
      const plain = pattern(length, zeroEvery);
      const encoded = cobsEncode(plain);
      t.notOk(encoded.includes(0), `${length} bytes, zero every ${zeroEvery}`);
      t.same(cobsDecode(encoded), plain, `${length} bytes, zero every ${zeroEvery}`);
    }
  }
});

test('COBS refuses what nothing encodes to', async (t) => {
  t.equal(cobsDecode(bytes(0)), undefined);
  t.equal(cobsDecode(bytes(5, 1, 2)), undefined);
});

test('a frame comes back as it was', async (t) => {
  const frame: Frame = { type: 0xff, id: 0xfedc_ba98, payload: pattern(700, 3) };
  t.same(decodeFrame(encodeFrame(frame).slice(0, -1)), frame);
});

test('any altered byte makes a frame invalid', async (t) => {
  const line = encodeFrame({ type: 1, id: 2, payload: ascii('payload') });
  for (let at = 0; at < line.length - 1; at++) {
    const altered = line.slice(0, -1);
    altered[at] = (altered[at] as number) ^ 0x20;
    t.equal(decodeFrame(altered), undefined, `byte ${at}`);
  }
});

test('the reader finds frames however the stream is cut', async (t) => {
  const frames: Frame[] = [1, 2, 3].map((id) => ({ type: id, id, payload: pattern(id * 100, 5) }));
  const stream = concat(frames.map(encodeFrame));
  for (const step of [1, 7, 64, stream.length]) {
    const reader = new FrameReader();
    const found: Frame[] = [];
    for (let at = 0; at < stream.length; at += step) found.push(...reader.take(stream.subarray(at, at + step)));
    t.same(found, frames, `in steps of ${step}`);
    t.equal(reader.tornFrames, 0);
  }
});

test('half a frame costs itself only', async (t) => {
  const first = encodeFrame({ type: 1, id: 1, payload: ascii('first') });
  const second: Frame = { type: 2, id: 2, payload: ascii('second') };
  const reader = new FrameReader();
  t.same(reader.take(first.slice(0, 6)), []);
  t.same(reader.take(concat([bytes(0), encodeFrame(second)])), [second]);
  t.equal(reader.tornFrames, 1);
  t.same(reader.take(first.slice(0, 6)), []);
  reader.reset();
  t.same(reader.take(encodeFrame(second)), [second]);
  t.equal(reader.tornFrames, 1);
});
