// SPDX-License-Identifier: MIT
/** What the page loads and keeps: descriptions, saved states, pieces of disks. */
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { encodeBootState } from '../../../emulator/cycle/boot-state.js';
import { readState } from '../../../emulator/host/browser/storage/machine-files.js';
import {
  checkFits,
  DESCRIPTION_FORMAT,
  readDescription,
  unpackPlan,
} from '../../../emulator/host/browser/storage/description.js';
import { entryName, pieceStoreIn, type Folder } from '../../../emulator/host/browser/storage/piece-store.js';
import { unpackPiece } from '../../../emulator/host/browser/storage/read-piece.js';
import { DEFAULT_MACHINE } from '../../../emulator/cycle/plan.js';

t.test('a description of another version is refused', async (t) => {
  const good = { format: DESCRIPTION_FORMAT, snapback: '1.0.0' };
  t.equal(readDescription(good, 'machine.json'), good);
  t.throws(() => readDescription({ format: 1, snapback: '0.0.9' }, 'machine.json'), {
    message: /format 5, but machine\.json has format 1 \(Snapback 0\.0\.9\)/,
    remedy: /reload/,
  });
  for (const bad of [undefined, null, {}, [], 'x'])
    t.throws(() => readDescription(bad, 'machine.json'), {
      message: 'machine.json is not the description of a machine',
    });
});

t.test('a state that does not fit names everything that differs', async (t) => {
  const present = { kernel: 'a'.repeat(64), engine: 'b'.repeat(64), 'disk root': 'c'.repeat(64) };
  checkFits('the saved state', { ...present }, present);
  t.throws(() => checkFits('the saved state', undefined, present), {
    message: 'the saved state does not say which machine it is of',
  });
  const { 'disk root': _, ...without } = present;
  t.throws(() => checkFits('the saved state', { ...without, kernel: 'd'.repeat(64), 'disk data': 'e' }, present), {
    exitCode: 2,
    message:
      'the saved state does not fit this machine, because these differ: ' +
      'kernel (needed: dddddddddddd, present: aaaaaaaaaaaa), ' +
      'disk data (needed: e, present: nothing), disk root (needed: nothing, present: cccccccccccc)',
    remedy: /snapback site/,
  });
});

t.test('the files of a plan', async (t) => {
  const plan = { name: 'x', machine: DEFAULT_MACHINE, steps: [], control: false };
  const file = { path: '/root/x', mode: 0o755 };
  t.same(unpackPlan({ ...plan, files: [{ ...file, base64: 'AP9/' }] }), {
    ...plan,
    files: [{ ...file, bytes: Uint8Array.of(0, 255, 127) }],
  });
});

t.test('a piece that is damaged is refused', async (t) => {
  const content = Uint8Array.from({ length: 5000 }, (_, at) => at % 251);
  const packed = new Uint8Array(gzipSync(content));
  t.same(unpackPiece(packed, 'u'), content);
  const flipped = packed.slice();
  flipped[packed.length - 8] = (flipped[packed.length - 8] as number) ^ 1;
  for (const bad of [flipped, packed.subarray(0, packed.length - 9), packed.subarray(0, 3), new Uint8Array(0)])
    t.throws(() => unpackPiece(bad, 'u'), { exitCode: 3, message: 'u, a piece of a disk, is damaged or cut short' });
});

/** A folder of a browser, in memory. Entries get older in the order in which they were written. */
function folder(): { readonly folder: Folder; readonly files: Map<string, Uint8Array>; isFull: boolean } {
  const files = new Map<string, Uint8Array>();
  const made = { files, isFull: false, folder: undefined as unknown as Folder };
  made.folder = {
    getDirectoryHandle: () => Promise.resolve(made.folder),
    getFileHandle: (name, options) => {
      if (!files.has(name) && options?.create !== true) return Promise.reject(new Error('NotFoundError'));
      if (!files.has(name)) files.set(name, new Uint8Array(0));
      const bytes = files.get(name) as Uint8Array<ArrayBuffer>;
      return Promise.resolve({
        kind: 'file',
        getFile: () =>
          Promise.resolve({
            size: bytes.length,
            lastModified: [...files.keys()].indexOf(name),
            arrayBuffer: () => Promise.resolve(bytes.slice().buffer),
          }),
        createWritable: () =>
          made.isFull
            ? Promise.reject(new Error('QuotaExceededError'))
            : Promise.resolve({
                write: (written: Uint8Array) => Promise.resolve(void files.set(name, written)),
                close: () => Promise.resolve(),
              }),
      });
    },
    removeEntry: (name) => Promise.resolve(void files.delete(name)),
    entries: async function* () {
      yield* [...files.keys()].map((name) => [name, { kind: 'file' }] as const);
    },
  };
  return made;
}

t.test('the store of pieces has a bound, and can be emptied', async (t) => {
  const there = folder();
  const store = pieceStoreIn(there.folder, 250);
  for (const name of ['a', 'b', 'c']) await store.put(name, new Uint8Array(100));
  t.same(await store.names(), ['a', 'b', 'c']);
  t.equal((await store.get('b'))?.length, 100);
  t.equal(await store.get('x'), undefined);
  t.same(await store.trim(), { bytes: 200, bytesMax: 250, isFull: false });
  t.same(await store.names(), ['b', 'c'], 'the oldest has gone');
  there.isFull = true;
  await store.put('d', new Uint8Array(1));
  t.same(await store.names(), ['b', 'c'], 'what has no room is left out');
  t.same(await store.trim(), { bytes: 200, bytesMax: 250, isFull: true });
  t.same(await store.empty(), { bytes: 0, bytesMax: 250, isFull: true });
  t.same(await store.names(), []);
  t.equal(entryName('http://127.0.0.1/machine/piece-0123'), 'piece-0123');
});

t.test('a saved state names the code that it needs', async (t) => {
  const seen = { console: new Uint8Array(0), markers: [], writes: [], instructions: 1, virtualMs: 1 };
  const checkpoint = { engine: 'x', bytes: Uint8Array.of(1) };
  const artifacts = { kernel: 'a'.repeat(64) };
  const core = 'b'.repeat(64);
  const saved = (notes?: object): Uint8Array => encodeBootState({ checkpoint, seen, ...(notes && { notes }) });
  t.same(readState(saved({ artifacts, core }), { artifacts, core }).checkpoint, checkpoint);
  t.throws(() => readState(saved({ artifacts }), { artifacts, core }), {
    message: /these differ: emulator core \(needed: nothing, present: b{12}\)$/,
  });
  t.throws(() => readState(saved({ artifacts, core: 'c'.repeat(64) }), { artifacts, core }), {
    exitCode: 2,
    message: /these differ: emulator core \(needed: c{12}, present: b{12}\)$/,
  });
  t.throws(() => readState(saved(), { artifacts, core }), { message: /does not say which machine it is of$/ });
});
