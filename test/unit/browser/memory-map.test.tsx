// SPDX-License-Identifier: MIT
/** The memory map: what is read from a capture, and the picture that comes of it. */
import { renderToString } from 'preact-render-to-string';
import t from 'tap';
import type { Copied } from '../../../emulator/cycle/steps/context.js';
import { createFateReader } from '../../../emulator/host/browser/session/fate-reader.js';
import {
  memoryReader,
  type MemoryReader,
  type MemoryShown,
} from '../../../emulator/host/browser/session/memory-reader.js';
import { createMemoryWatch } from '../../../emulator/host/browser/session/memory-watch.js';
import { nextStretchMs } from '../../../emulator/host/browser/session/pace.js';
import type { FromSession } from '../../../emulator/host/browser/session/protocol.js';
import {
  bytesText,
  frameAt,
  KIND_COLOURS,
  legendOf,
  pictureOf,
} from '../../../emulator/host/browser/views/memory-map-model.js';
import { MemoryMap } from '../../../emulator/host/browser/views/memory-map.js';
import { pagePainter } from '../../../emulator/host/browser/views/painter.js';
import { rgbaOf } from '../../../emulator/host/browser/views/picture.js';
import { GuestError } from '../../../emulator/machine/errors.js';
import { OMISSIONS } from '../../../emulator/verify/memory/account.js';
import { PAGE_FATES } from '../../../emulator/verify/memory/fates.js';
import { MARKER_LAYOUT } from '../../../emulator/machine/markers.js';
import { PAGE_KINDS, type PageKind } from '../../../emulator/memory/kinds.js';
import { syntheticKernel } from '../memory/synthetic-kernel.js';

const number = (kind: PageKind): number => PAGE_KINDS.indexOf(kind);

t.test('the picture has a pixel for each page', async (t) => {
  const kinds = new Uint8Array(256 + 10).fill(number('free'));
  kinds[257] = number('anonymous');
  const picture = pictureOf(kinds);
  const { width, height } = picture;
  const rgba = rgbaOf(picture);
  t.same([width, height, rgba.length], [256, 2, 256 * 2 * 4]);
  const pixel = (frame: number): readonly number[] => [...rgba.subarray(frame * 4, frame * 4 + 4)];
  t.same(pixel(0), [0xd5, 0xd9, 0xdd, 255]);
  t.same(pixel(257), [0x00, 0x9e, 0x73, 255]);
  t.same(pixel(266), [0, 0, 0, 0], 'nothing behind the last page');
  t.equal(new Set(Object.values(KIND_COLOURS)).size, PAGE_KINDS.length, 'each kind has a colour of its own');
});

t.test('the legend counts', async (t) => {
  const legend = legendOf(Uint8Array.of(number('slab'), number('slab'), number('noRam')));
  t.same(
    legend.map(({ kind }) => kind),
    PAGE_KINDS,
    'every kind is there',
  );
  t.same(
    legend.filter(({ count }) => count > 0).map(({ kind, colour, count }) => [kind, colour, count]),
    [
      ['noRam', '#3a3f44', 1],
      ['slab', '#f0e442', 2],
    ],
  );
  t.equal(legend.find(({ kind }) => kind === 'pageCache')?.colour, '#0072b2', 'with its leading zeros');
});

t.test('a place in the picture is a page', async (t) => {
  const kinds = new Uint8Array(266);
  t.equal(frameAt(kinds, 0, 0), 0);
  t.equal(frameAt(kinds, 0.999, 0.499), 255);
  t.equal(frameAt(kinds, 0.01, 0.5), 258);
  for (const [x, y] of [
    [0.5, 0.9],
    [-0.1, 0],
    [1, 0],
    [0, 1],
    [NaN, 0],
  ] as const)
    t.equal(frameAt(kinds, x, y), undefined, `${x} ${y}`);
});

t.test('bytes for people', async (t) => {
  const bytes = new Uint8Array(64 + 3);
  bytes.set(new TextEncoder().encode('\x7fELF~'), 0);
  bytes[64] = 0xff;
  t.equal(
    bytesText(bytes, 0x1000),
    [
      '00001000  7f 45 4c 46 7e 00 00 00 00 00 00 00 00 00 00 00  .ELF~...........',
      '00001010  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................',
      '*',
      '00001040  ff 00 00                                         ...',
    ].join('\n'),
  );
});

/** A machine whose kernel has announced itself by `marker`. `captures`: how many were taken of it. */
function announced() {
  const synthetic = syntheticKernel();
  const { kernel, table } = synthetic;
  const ram = kernel.memory.bytes.slice();
  const layoutAt = 3000 * 4096;
  ram.set(table, layoutAt);
  const marker = { kind: MARKER_LAYOUT, word0: layoutAt, word1: table.length, instruction: 1, virtualMs: 1 };
  let captures = 0;
  const machine: Parameters<typeof memoryReader>[0] = {
    readMemory: (at, lengthBytes) => Promise.resolve(ram.slice(at, at + lengthBytes)),
    captureMemory: () => {
      captures += 1;
      return Promise.resolve(ram.slice());
    },
  };
  return { ...synthetic, ram, marker, machine, captures: () => captures };
}

t.test('a capture is read by the kernel that announced itself', async (t) => {
  const { descriptor, places, systemMap, ram, marker, machine, captures } = announced();
  await t.rejects(memoryReader(machine, systemMap, []), { name: 'GuestError', message: /has not announced/ });
  const reader = await memoryReader(machine, systemMap, [marker]);
  t.equal(number('slab'), (await reader.kinds())[places.frames.slab]);
  ram.fill(0xff, descriptor(places.frames.slab) + 24, descriptor(places.frames.slab) + 28);
  const kinds = await reader.kinds();
  t.equal(kinds[places.frames.anonymous], number('anonymous'));
  t.equal(kinds[places.frames.slab], number('kernel'), 'each picture shows the present');
  t.equal(captures(), 1, 'and needs no capture');
  const frame = places.frames.anonymous;
  const page = { frame, virtualMs: 11, ...(await reader.page(frame)) };
  t.equal(page.owner, 'anonymous memory, agent (pid 41) at 0x08048000');
  t.same(page.bytes, new Uint8Array(4096).fill(0x5a));

  const asked: number[] = [];
  const view = (
    memory: MemoryShown | undefined,
    onPage: ((frame: number) => void) | undefined = ask,
    isByFate = false,
  ): string =>
    renderToString(
      <MemoryMap
        painter={pagePainter()}
        memory={memory}
        page={page}
        isByFate={isByFate}
        onByFate={() => undefined}
        onPage={onPage}
      />,
    );
  const ask = (frame: number): void => void asked.push(frame);
  t.equal(view(undefined), '');
  const shown = view({ kinds, virtualMs: 12.5, pictures: 1, tookMs: 1 });
  t.match(shown, /4096 pages, at 12\.5 ms/);
  t.match(shown, /<canvas id="memory-map"[^>]*width="256" height="16"/);
  t.match(shown, /<th scope="row">free<\/th><td class="number">1536<\/td>/);
  t.match(shown, new RegExp(`Page frame ${frame} at 11\\.0 ms: anonymous memory, agent`));
  t.match(shown, /5a 5a 5a/);
  t.notMatch(shown, 'by-fate', 'there has been no snapshot');
  const fates = Uint8Array.from(kinds, (_, frame) => (frame < 7 ? PAGE_FATES.indexOf('preserved') : 0));
  const memory = { kinds, fates, virtualMs: 12.5, pictures: 1, tookMs: 1 };
  t.match(view(memory), /<button id="by-fate" [^>]*aria-pressed="false"/);
  t.match(view(memory), />free<\/th><td class="number">1536</, 'until it is asked for');
  t.match(view(memory, ask, true), />preserved in place<\/th><td class="number">7</);
  t.notMatch(shown, /<input [^>]*readonly/);
  t.notMatch(shown, /<input [^>]*value=/, 'a picture does not put back what somebody types');
  const gone = renderToString(
    <MemoryMap
      painter={pagePainter()}
      memory={{ kinds, virtualMs: 1, pictures: 1, tookMs: 1 }}
      page={{ ...page, copied: { bytes: new Uint8Array(16).fill(0xa5), notInImage: undefined } }}
      isByFate={true}
      onByFate={() => undefined}
      onPage={undefined}
    />,
  );
  t.match(gone, /<input id="frame" [^>]*readonly/, 'no page can be asked for when the machine is gone');
  t.match(
    gone,
    /At the snapshot, and now:<.* at the snapshot"[^>]*>[0-9a-f]+ {2}a5 a5 .* now"[^>]*>[0-9a-f]+ {2}5a 5a /s,
  );
  t.notMatch(gone, 'not in the image');
});

t.test('a page that is not in the image has a reason', async (t) => {
  const { places, systemMap, ram, marker, machine } = announced();
  const copied = { ram: { memory: ram.slice() }, layout: marker, isLive: true };
  const of = (snapshot: Copied | undefined): Promise<MemoryReader> =>
    memoryReader(machine, systemMap, [marker], { copied: snapshot, fates: createFateReader(systemMap) });
  const reader = await of(copied);
  const { free, copy, nosaveRegion, slab } = places.frames;
  const fates = (await reader.fates()) ?? new Uint8Array(0);
  const whyOf = async (frame: number): Promise<unknown> => [
    PAGE_FATES[fates[frame] ?? 0],
    (await reader.page(frame)).copied?.notInImage,
  ];
  t.same(await whyOf(free), ['free', OMISSIONS.free]);
  t.same(await whyOf(copy[0] ?? 0), ['held', OMISSIONS.imageCopy]);
  t.same(await whyOf(nosaveRegion), ['left', OMISSIONS.nosaveRegion]);
  t.same(await whyOf(slab), ['zeros', undefined]);
  t.equal((await (await of(undefined)).page(free)).copied, undefined, 'there has been no snapshot');

  const page = { frame: free, virtualMs: 11, ...(await reader.page(free)) };
  t.match(
    renderToString(
      <MemoryMap
        painter={pagePainter()}
        memory={{ kinds: await reader.kinds(), fates, virtualMs: 12.5, pictures: 1, tookMs: 1 }}
        page={page}
        isByFate={true}
        onByFate={() => undefined}
        onPage={() => undefined}
      />,
    ),
    /<p>At the snapshot not in the image: on a free list of the page allocator<\/p>/,
  );
});

t.test('a picture takes at most a tenth of the time', async (t) => {
  const told: FromSession[] = [];
  let now = 1000;
  let made = 0;
  let pictureMs = 2;
  let isDamaged = false;
  const reader: MemoryReader = {
    fates: () => Promise.resolve(undefined),
    kinds: () => {
      now += pictureMs;
      return isDamaged ? Promise.reject(new GuestError('damaged')) : Promise.resolve(new Uint8Array(1));
    },
    page: (frame) => Promise.resolve({ owner: `owner of ${frame}`, bytes: new Uint8Array(2) }),
  };
  const watch = createMemoryWatch(
    (message) => told.push(message),
    () => now,
  );
  const stands = watch.of(() => {
    made += 1;
    return Promise.resolve(reader);
  });
  /** The machine stands every 10 ms, and when it is to be looked at. Tells when pictures were told. */
  const pictures = async (ms: number): Promise<readonly number[]> => {
    const at: number[] = [];
    for (const end = now + ms; now < end;) {
      const [before, began] = [told.length, now];
      const dueMs = await stands(now);
      if (told.slice(before).some(({ tell }) => tell === 'memory')) at.push(began);
      if (dueMs <= now) t.fail('what is due is not in the future');
      now = Math.min(dueMs, now + 10);
    }
    return at;
  };
  t.same(await pictures(100), [], 'nobody has asked');
  t.equal(made, 0);
  watch.watch(true);
  const quick = await pictures(1000);
  t.equal(made, 1);
  t.equal(quick.length, 31, 'pictures of 2 ms in a second');
  t.same(new Set(quick.slice(1).map((at, index) => at - (quick[index] ?? 0))), new Set([33]), 'at equal distances');
  pictureMs = 50;
  const slow = await pictures(5000);
  t.ok(slow.length >= 9 && slow.length <= 11, `${slow.length} pictures of 50 ms in five seconds`);
  t.match(told.at(-1), { tell: 'memory', memory: { pictures: quick.length + slow.length } });
  pictureMs = 600_000;
  t.equal((await pictures(1000)).length, 1, 'within which the browser stops the tab for ten minutes');
  pictureMs = 2;
  const after = await pictures(10_000);
  t.ok(after.length >= 20, `${after.length} pictures in the ten seconds after it`);
  watch.watch(false);
  t.same(await pictures(1000), []);
  watch.ask(7);
  await stands(5);
  t.match(told.at(-1), { tell: 'page', page: { frame: 7, owner: 'owner of 7', virtualMs: 5 } });
  const before = told.length;
  await stands(6);
  t.equal(told.length, before, 'it is told once');
  isDamaged = true;
  watch.watch(true);
  t.same(await pictures(1000), [], 'what cannot be read is not told, and the machine goes on');
});

t.test('a machine on a slow host runs for a shorter time', async (t) => {
  t.equal(nextStretchMs(20, 5), 20, 'not faster than real time');
  t.equal(nextStretchMs(20, 400), 1);
  t.equal(nextStretchMs(10, 40), 5);
  t.equal(nextStretchMs(1, 5), 4, 'and for a longer time when the host gets faster');
  t.equal(nextStretchMs(1, 0), 20);
});

t.test('the memory of a machine that stands at a pause', async (t) => {
  const told: FromSession[] = [];
  const kinds = (): readonly string[] => told.splice(0).map(({ tell }) => tell);
  const rest = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  let made = 0;
  const reader: MemoryReader = {
    kinds: () => Promise.resolve(new Uint8Array(1)),
    fates: () => Promise.resolve(new Uint8Array(2)),
    page: async (frame) => {
      await rest();
      return { owner: `owner of ${frame}`, bytes: new Uint8Array(2) };
    },
  };
  const watch = createMemoryWatch(
    (message) => told.push(message),
    () => 1000,
  );
  const make = (): Promise<MemoryReader> => {
    made += 1;
    return Promise.resolve(reader);
  };
  const leave = watch.standing(make, 7);
  await rest();
  t.same(kinds(), [], 'nobody has asked');
  t.equal(made, 0);
  watch.watch(true);
  await rest();
  t.match(told, [{ tell: 'watching' }, { tell: 'memory', memory: { virtualMs: 7 } }], 'told at once');
  kinds();
  watch.ask(3);
  await leave();
  t.match(told, [{ tell: 'page', page: { frame: 3, owner: 'owner of 3', virtualMs: 7 } }], 'before it goes on');
  kinds();
  watch.ask(4);
  await rest();
  t.same(kinds(), [], 'a machine that runs is not asked');
  await watch.standing(make, 8)();
  t.same(kinds(), ['page', 'memory'], 'the next one is');
  t.equal(made, 2);
});
