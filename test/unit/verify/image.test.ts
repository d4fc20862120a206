// SPDX-License-Identifier: MIT
import t, { type Test } from 'tap';
import { PAGE_BYTES } from '../../../emulator/machine/units.js';
import { crc32Le } from '../../../emulator/machine/crc32.js';
import { hexVa } from '../../../emulator/memory/view.js';
import { decompressLz4 } from '../../../emulator/verify/image/lz4.js';
import { decompressLzo } from '../../../emulator/verify/image/lzo.js';
import { pagesOf, readImage } from '../../../emulator/verify/image/stream.js';
import { readSwapHeader, readSwapImage } from '../../../emulator/verify/image/swap.js';
import { verifyImage, type ImageResult } from '../../../emulator/verify/image/verify.js';
import { sourceOf } from '../../../emulator/verify/source.js';
import { I386, MACHINES, syntheticKernel, type SyntheticMachine } from '../memory/synthetic-kernel.js';
import { imageStream, swapArea, swapAreaOf, type ImageFrame } from './synthetic-image.js';

const FRAMES: readonly ImageFrame[] = [
  { frame: 3, fill: 7 },
  { frame: 9, fill: 0 },
  { frame: 10, fill: 8 },
  { frame: 4000, fill: 9 },
];
const reader = (pages: readonly Uint8Array[]) => () => pages[Symbol.iterator]();
const contentsOf = (image: ReturnType<typeof readImage>): [number, number][] =>
  [...image.contents()].map(({ frame, bytes }) => [frame, bytes[0] as number]);

for (const wordBytes of [4, 8] as const) t.test(`words of ${wordBytes} bytes`, async (t) => streams(t, wordBytes));

function streams(t: Test, wordBytes: 4 | 8): void {
  t.test('a stream: header, frames, contents with the zero pages put back', async (t) => {
    const image = readImage(reader(imageStream(FRAMES, { wordBytes })));
    t.equal(hexVa(image.header.jumpAddress), wordBytes === 4 ? '0xc1234000' : '0xffffffff81234000');
    t.match(image.header, {
      wordBytes,
      pageDirectory: 0x00abc000,
      physicalPages: 4096,
      imagePages: 3,
      pages: 5,
    });
    t.equal(image.zeroPages, 1);
    t.same(contentsOf(image), [
      [3, 7],
      [9, 0],
      [10, 8],
      [4000, 9],
    ]);
    t.same(
      contentsOf(image),
      [
        [3, 7],
        [9, 0],
        [10, 8],
        [4000, 9],
      ],
      'and once more',
    );
  });

  t.test('more frames than fit in one page of numbers, and exactly as many', async (t) => {
    for (const count of [511, 512, 513, 1023, 1024, 1025, 3000]) {
      // Of a machine with more memory than 16 TiB, where the hardware has room for it.
      const step = wordBytes === 4 ? 2 : 2 ** 31;
      const frames = Array.from({ length: count }, (_, i) => ({ frame: step * i, fill: i % 5 }));
      const image = readImage(reader(imageStream(frames, { wordBytes })));
      t.equal(image.frames.at(-1), step * (count - 1));
      t.equal(image.frames.length, count);
      t.equal(contentsOf(image).length, count);
    }
  });

  t.test('a damaged stream is refused, with the place', async (t) => {
    const pages = imageStream(FRAMES, { wordBytes });
    const header = wordBytes === 4 ? { magic: 12, sizeBytes: 412 } : { magic: 24, sizeBytes: 432 };
    const damaged = (page: number, at: number, value: number): Uint8Array[] => {
      const copy = pages.map((bytes) => bytes.slice());
      new DataView((copy[page] as Uint8Array).buffer).setUint32(at, value, true);
      return copy;
    };
    t.throws(() => readImage(reader(damaged(0, header.magic, 1))), { name: 'GuestError', message: /header/ });
    t.throws(() => readImage(reader(damaged(0, header.sizeBytes, 1))), { name: 'GuestError', message: /contradicts/ });
    t.throws(() => readImage(reader(damaged(1, wordBytes, 2))), { name: 'GuestError', message: /ascending/ });
    const ended = damaged(1, wordBytes, 0xffffffff);
    ended[1]?.fill(0xff, wordBytes, 2 * wordBytes);
    t.throws(() => readImage(reader(ended)), { name: 'GuestError', message: /lists 1 frames/ });
    t.throws(() => readImage(reader([])), { name: 'GuestError', message: /page 0/ });
    t.throws(() => contentsOf(readImage(reader(pages.slice(0, -1)))), {
      name: 'GuestError',
      message: /ends before its page 4/,
    });
  });
}

t.test('a stream in one piece', async (t) => {
  const pages = imageStream(FRAMES);
  const bytes = new Uint8Array(pages.length * PAGE_BYTES + 100);
  for (const [i, page] of pages.entries()) bytes.set(page, i * PAGE_BYTES);
  t.same(contentsOf(readImage(() => pagesOf(bytes))), [
    [3, 7],
    [9, 0],
    [10, 8],
    [4000, 9],
  ]);
});

t.test('the swap container', async (t) => {
  const area = swapArea(FRAMES);
  t.match(readSwapHeader(sourceOf(area)), {
    signature: 'S1SUSPEND',
    originalSignature: 'SWAPSPACE2',
    imagePage: 1,
    compression: 'none',
  });
  const { image, pagesUsed } = readSwapImage(sourceOf(area));
  t.same(contentsOf(image), [
    [3, 7],
    [9, 0],
    [10, 8],
    [4000, 9],
  ]);
  t.same(
    [...pagesUsed].sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6],
  );

  const long = Array.from({ length: 1500 }, (_, i) => ({ frame: i, fill: 1 + (i % 200) }));
  const big = readSwapImage(sourceOf(swapArea(long)));
  t.same(
    contentsOf(big.image),
    long.map(({ frame, fill }) => [frame, fill]),
    'three map pages',
  );
  t.equal(new Set(big.pagesUsed).size, 1 + 3 + 1503);
});

t.test('no image, or a damaged one', async (t) => {
  t.throws(() => readSwapImage(sourceOf(swapArea(FRAMES, 'SWAPSPACE2'))), { name: 'RigError', message: /SWAPSPACE2/ });
  const astray = swapArea(FRAMES);
  new DataView(astray.buffer).setUint32(PAGE_BYTES + 8, 9999, true);
  t.throws(() => contentsOf(readSwapImage(sourceOf(astray)).image), { name: 'GuestError', message: /map entry 1/ });
  const circle = swapArea(FRAMES);
  new DataView(circle.buffer).setUint32(PAGE_BYTES + 8 * 511, 1, true);
  t.throws(() => readSwapImage(sourceOf(circle)), { name: 'GuestError', message: /circle/ });
});

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

t.test('LZO: every kind of instruction', async (t) => {
  // first byte 17 + n: n literals; 0x11 0 0: end.
  t.same(decompressLzo(Uint8Array.of(17 + 5, ...text('hello'), 0x11, 0, 0), 64), text('hello'));
  // 001LLLLL: copy 2 + L from D + 1 back, here 6 from 3 back, then one literal.
  t.same(
    decompressLzo(Uint8Array.of(17 + 4, ...text('abcd'), 0x20 | 4, (2 << 2) | 1, 0, 0x21, 0x11, 0, 0), 64),
    text('abcdbcdbcd!'),
  );
  // 01LDDDSS: copy 3 + L within 2 kB; 1LLDDDSS: copy 5 + LL.
  t.same(
    decompressLzo(
      Uint8Array.of(17 + 4, ...text('wxyz'), 0x40 | 0x20 | (3 << 2), 0, 0x80 | (3 << 2), 0, 0x11, 0, 0),
      64,
    ),
    text('wxyzwxyzwxyzw'),
  );
  // After 1 to 3 literals: 0000DDSS copies 2 from within 1 kB; after 4 or more: 3 from beyond 2 kB.
  t.same(decompressLzo(Uint8Array.of(17 + 2, ...text('ab'), 0x04, 0, 0x11, 0, 0), 64), text('abab'));
  const far = new Uint8Array(2200).map((_, i) => (i * 31) & 255);
  // 0000LLLL with state 0: a long run of literals: 3 + 15 + 255 * zeros + rest.
  const zeros = Math.floor((2096 - 18 - 1) / 255);
  const rest = 2096 - 18 - 255 * zeros;
  const packed = Uint8Array.of(
    17 + 4,
    ...far.subarray(0, 4),
    0x20 | 1,
    0,
    0,
    0,
    ...new Uint8Array(zeros),
    rest,
    ...far.subarray(7, 7 + 2096),
    0x0c,
    0,
    0x11,
    0,
    0,
  );
  const out = decompressLzo(packed, 4096);
  t.equal(out.length, 4 + 3 + 2096 + 3);
  t.same([...out.subarray(2103)], [...out.subarray(2103 - 2052, 2103 - 2049)]);
  // Far copies: 0001HLLL with 16 kB and more.
  const run = Uint8Array.of(17 + 1, 0x61, 0x20, ...new Uint8Array(78), 100, 0, 0, 0x10 | 1, 4 << 2, 0, 0x11, 0, 0);
  t.ok(decompressLzo(run, 131072).every((byte) => byte === 0x61));
});

t.test('LZO and LZ4: damaged data is refused, never read beyond', async (t) => {
  t.throws(() => decompressLzo(new Uint8Array(), 10), { name: 'GuestError', message: /empty/ });
  t.throws(() => decompressLzo(Uint8Array.of(17 + 20, 1), 64), { name: 'GuestError', message: /literals/ });
  t.throws(() => decompressLzo(Uint8Array.of(17 + 1, 1, 0x20 | 4, 200, 0), 64), {
    name: 'GuestError',
    message: /back/,
  });
  t.throws(() => decompressLzo(Uint8Array.of(17 + 1, 1, 0x20), 64), { name: 'GuestError', message: /too early/ });
  t.throws(() => decompressLzo(Uint8Array.of(17 + 5, ...text('hello'), 0x11, 0, 0), 4), { name: 'GuestError' });
  t.throws(() => decompressLz4(Uint8Array.of(0xf0, 255), 64), { name: 'GuestError' });
  t.throws(() => decompressLz4(Uint8Array.of(0x10, 1, 9, 0, 0), 64), { name: 'GuestError', message: /back/ });
});

t.test('LZ4', async (t) => {
  t.same(decompressLz4(Uint8Array.of(0x50, ...text('hello')), 64), text('hello'));
  t.same(decompressLz4(Uint8Array.of(0x32, ...text('abc'), 3, 0, 0x10, 0x21), 64), text('abcabcabc!'));
  t.equal(decompressLz4(Uint8Array.of(0x1f, 0x61, 1, 0, 255, 10, 0x10, 0x62), 1024).length, 1 + 15 + 4 + 265 + 1);
  t.same(decompressLz4(Uint8Array.of(0xf0, 3, ...text('eighteen letters!!')), 64), text('eighteen letters!!'));
});

t.test('packed images: both packers, and the checksum', async (t) => {
  for (const wordBytes of [4, 8] as const) {
    const plain = imageStream(FRAMES, { wordBytes });
    const rest = new Uint8Array((plain.length - 1) * PAGE_BYTES);
    for (const [i, page] of plain.slice(1).entries()) rest.set(page, i * PAGE_BYTES);
    const pack = (packed: Uint8Array): Uint8Array[] => {
      const run = new Uint8Array(Math.ceil((wordBytes + packed.length) / PAGE_BYTES) * PAGE_BYTES);
      new DataView(run.buffer).setUint32(0, packed.length, true);
      run.set(packed, wordBytes);
      return [...pagesOf(run)];
    };
    // Packed by hand as literals alone: valid, though no smaller.
    const lengthBytes = (value: number): number[] => [
      ...new Array<number>(Math.floor((value - 1) / 255)).fill(0),
      ((value - 1) % 255) + 1,
    ];
    const lzo = Uint8Array.of(0, ...lengthBytes(rest.length - 18), ...rest, 0x11, 0, 0);
    const lz4Length = (value: number): number[] => [
      ...new Array<number>(Math.floor(value / 255)).fill(255),
      value % 255,
    ];
    const lz4 = Uint8Array.of(0xf0, ...lz4Length(rest.length - 15), ...rest);
    const checksum = crc32Le(0, rest);
    for (const [flags, packed] of [
      [4, lzo],
      [4 | 16, lz4],
    ] as const) {
      const stream = [plain[0] as Uint8Array, ...pack(packed)];
      const area = swapAreaOf(stream, { flags, checksum });
      t.same(
        contentsOf(readSwapImage(sourceOf(area)).image),
        [
          [3, 7],
          [9, 0],
          [10, 8],
          [4000, 9],
        ],
        `flags ${flags}`,
      );
      t.throws(() => readSwapImage(sourceOf(swapAreaOf(stream, { flags, checksum: checksum ^ 1 }))), {
        name: 'GuestError',
        message: /checksum/,
      });
      const altered = area.slice();
      altered[4 * PAGE_BYTES + 100] = (altered[4 * PAGE_BYTES + 100] as number) ^ 1;
      t.throws(() => readSwapImage(sourceOf(altered)), { name: 'GuestError' }, 'one altered byte');
      const endless = area.slice();
      new DataView(endless.buffer).setUint32(3 * PAGE_BYTES + wordBytes - 4, 0xffffff00, true);
      t.throws(() => readSwapImage(sourceOf(endless)), {
        name: 'GuestError',
        message: /claims \d+ bytes, which it has not/,
      });
    }
  }
});

t.test("the kernel's CRC: no inversion", async (t) => {
  t.equal(crc32Le(0xffffffff, text('123456789')) ^ -1, 0xcbf43926 | 0);
  t.equal(crc32Le(crc32Le(0, text('12345')), text('6789')), crc32Le(0, text('123456789')));
});

/** An image of what the synthetic kernel's copy loop copied, as the restored RAM has it. */
function imageOf(
  mutate: (pages: Map<number, Uint8Array>) => void = () => undefined,
  machine: SyntheticMachine = I386,
): ImageResult {
  const made = syntheticKernel([], machine);
  const restored = made.restored();
  const pages = new Map<number, Uint8Array>();
  for (let frame = 1; frame < 1024; frame++) {
    const bytes = restored.slice(frame * PAGE_BYTES, (frame + 1) * PAGE_BYTES);
    const isOmitted = bytes.every((byte) => byte === 0xee) || frame === made.places.frames.nosave;
    if (!isOmitted) pages.set(frame, bytes);
  }
  for (let frame = 2560; frame < 4088; frame++)
    if (!made.places.frames.copy.includes(frame))
      pages.set(frame, restored.slice(frame * PAGE_BYTES, (frame + 1) * PAGE_BYTES));
  mutate(pages);
  const frames = [...pages]
    .sort(([a], [b]) => a - b)
    .map(([frame, bytes]) => ({ frame, fill: bytes.every((byte) => byte === 0) ? 0 : 1 }));
  const stream = imageStream(frames, { wordBytes: machine.wordBytes });
  const data = [...pages]
    .sort(([a], [b]) => a - b)
    .filter(([, bytes]) => bytes.some((byte) => byte !== 0))
    .map(([, bytes]) => bytes);
  stream.splice(stream.length - data.length, data.length, ...data);
  // The stack keeps the return address in the image: the restored RAM of the synthetic kernel does so as well.
  return verifyImage(readImage(reader(stream)), made.kernel);
}

t.test('an image is compared page by page with RAM at the copy', async (t) => {
  for (const machine of MACHINES) {
    const good = imageOf(undefined, machine);
    t.same(good.differences, [], machine.name);
    t.equal(good.pagesDiffering, 0);
    t.ok(good.pagesCompared > 1000);
    const metaPages = Math.ceil((good.pagesInImage * machine.wordBytes) / PAGE_BYTES);
    t.equal(good.bytes, (good.pagesInImage - good.zeroPages + 1 + metaPages) * PAGE_BYTES);
  }

  const { places } = syntheticKernel();
  const altered = imageOf((pages) => {
    const bytes = pages.get(places.frames.anonymous) as Uint8Array;
    bytes[1000] = (bytes[1000] as number) ^ 1;
  });
  t.match(altered.differences, [
    {
      kind: 'content',
      pfn: places.frames.anonymous,
      firstOffset: 1000,
      bytes: 1,
      owner: /agent \(pid 41\) at 0x080483e8/,
    },
  ]);

  const missing = imageOf((pages) => pages.delete(900));
  t.match(missing.differences, [{ kind: 'missing', pfn: 900 }]);

  const foreign = imageOf((pages) => pages.set(1500, new Uint8Array(PAGE_BYTES).fill(1)));
  t.match(foreign.differences, [{ kind: 'foreign', pfn: 1500, owner: 'free page' }]);

  const swapped = imageOf((pages) => {
    const [one, other] = [pages.get(800) as Uint8Array, pages.get(801) as Uint8Array];
    pages.set(800, other).set(801, one);
  });
  t.same(
    swapped.differences.map(({ pfn }) => pfn),
    [800, 801],
    'two pages that changed places',
  );
});
