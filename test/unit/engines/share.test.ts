// SPDX-License-Identifier: MIT
/** The share's file server, asked in 9P as a guest's kernel would. */
import t from 'tap';
import { createShareServer, type ShareServer } from '../../../emulator/engines/v86/share/server.js';
import { SHARE_BYTES_MAX } from '../../../emulator/engines/v86/share/tree.js';
import { readWire, writeWire, type WirePiece, type WireReader } from '../../../emulator/engines/v86/share/wire.js';
import type { ShareEntry } from '../../../emulator/machine/contract.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (of: Uint8Array | undefined): string => new TextDecoder().decode(of);
const FILE = 0o100644;
const FOLDER = 0o040755;
const given: readonly ShareEntry[] = [
  { path: 'b', mode: FILE, bytes: bytes('hello') },
  { path: 'run', mode: 0o100755, bytes: bytes('#!') },
  { path: 'sub', mode: FOLDER },
  { path: 'sub/deep', mode: FILE, bytes: bytes('deep'), modifiedMs: 1500.25 },
];

const T = {
  statfs: 8,
  lopen: 12,
  lcreate: 14,
  symlink: 16,
  mknod: 18,
  rename: 20,
  readlink: 22,
  getattr: 24,
  setattr: 26,
  xattrwalk: 30,
  readdir: 40,
  fsync: 50,
  lock: 52,
  getlock: 54,
  link: 70,
  mkdir: 72,
  renameat: 74,
  unlinkat: 76,
  version: 100,
  attach: 104,
  flush: 108,
  walk: 110,
  read: 116,
  write: 118,
  clunk: 120,
  remove: 122,
} as const;
const E = {
  EPERM: 1,
  ENOENT: 2,
  EBADF: 9,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENOSPC: 28,
  ENAMETOOLONG: 36,
  ENOTEMPTY: 39,
  EPROTO: 71,
  EOPNOTSUPP: 95,
  ESTALE: 116,
} as const;

/** Asks, and answers the reply's body, or the number of the error. */
type Ask = (type: number, ...pieces: WirePiece[]) => WireReader | number;

function client(server: ShareServer): Ask {
  return (type, ...pieces) => {
    const message = writeWire([[4, 0], [1, type], [2, 7], ...pieces]);
    new DataView(message.buffer).setUint32(0, message.length, true);
    let reply: Uint8Array | undefined;
    server.filesystem.handle9p(message, (answered) => (reply = answered));
    if (!reply) throw new Error('there was no answer');
    const reader = readWire(reply);
    const [size, replyType, tag] = [reader.u32(), reader.u8(), reader.u16()];
    if (size !== reply.length || tag !== 7) throw new Error('not an answer to this');
    if (replyType === 7) return reader.u32();
    if (replyType !== type + 1) throw new Error(`answered by ${replyType}`);
    return reader;
  };
}

const ok = (answer: WireReader | number): WireReader => {
  if (typeof answer === 'number') throw new Error(`refused with ${answer}`);
  return answer;
};

/** A server, who asks it, and fid 0 on its root. */
function served(entries: readonly ShareEntry[] = given): {
  readonly server: ShareServer;
  readonly ask: Ask;
  readonly world: { on: boolean; ms: number };
} {
  const world = { on: true, ms: 1000 };
  const server = createShareServer(entries, {
    nowMs: () => world.ms,
    isOn: () => world.on,
    onFault: (error) => {
      throw error;
    },
  });
  const ask = client(server);
  return { server, ask, world };
}
function mounted(entries?: readonly ShareEntry[]): ReturnType<typeof served> {
  const all = served(entries);
  ok(all.ask(T.version, [4, 8192], '9P2000.L'));
  ok(all.ask(T.attach, [4, 0], [4, 0xffffffff], 'root', '', [4, 0]));
  return all;
}
const walk = (ask: Ask, from: number, to: number, ...names: string[]): WireReader | number =>
  ask(T.walk, [4, from], [4, to], [2, names.length], ...names);
const open = (ask: Ask, fid: number, ...names: string[]): void => {
  ok(walk(ask, 0, fid, ...names));
  ok(ask(T.lopen, [4, fid], [4, 2]));
};
const read = (ask: Ask, fid: number, at = 0, length = 100): string => {
  const answer = ok(ask(T.read, [4, fid], [8, at], [4, length]));
  return text(answer.bytes(answer.u32()));
};
const write = (ask: Ask, fid: number, at: number, what: string): WireReader | number =>
  ask(T.write, [4, fid], [8, at], [4, what.length], bytes(what));
const contents = (server: ShareServer): unknown =>
  server.entries().map(({ path, bytes: of }) => (of ? `${path}=${text(of)}` : `${path}/`));

/** Names of a folder with where each begins; `most` bytes at a time. */
function list(ask: Ask, fid: number, most: number, offset = 0): readonly string[] {
  const answer = ok(ask(T.readdir, [4, fid], [8, offset], [4, most]));
  let left = answer.u32();
  const names: string[] = [];
  let next = offset;
  while (left > 0) {
    answer.bytes(13);
    next = answer.u64();
    answer.u8();
    const name = answer.text();
    left -= 13 + 8 + 1 + 2 + name.length;
    names.push(name);
  }
  return names.length === 0 ? [] : [...names, ...list(ask, fid, most, next)];
}

function attributes(
  ask: Ask,
  fid: number,
): { mode: number; uid: number; gid: number; links: number; size: number; seconds: number; nanoseconds: number } {
  const answer = ok(ask(T.getattr, [4, fid], [8, 0x7ff]));
  answer.bytes(8 + 13);
  const [mode, uid, gid, links] = [answer.u32(), answer.u32(), answer.u32(), answer.u64()];
  answer.u64();
  const size = answer.u64();
  answer.bytes(16);
  return { mode, uid, gid, links, size, seconds: answer.u64(), nanoseconds: answer.u64() };
}

t.test('a session begins, and what it does not know is refused', (t) => {
  const { ask } = served();
  const answer = ok(ask(T.version, [4, 2 ** 30], '9P2000.L'));
  t.same([answer.u32(), answer.text()], [512 * 1024, '9P2000.L']);
  const other = ok(ask(T.version, [4, 4096], '9P2000.u'));
  t.same([other.u32(), other.text()], [4096, 'unknown']);
  t.equal(walk(ask, 0, 1), E.ESTALE, 'nothing is attached');
  t.equal(ask(200), E.EOPNOTSUPP);
  t.equal(ask(T.walk, [4, 0]), E.ESTALE);
  t.equal(ask(T.walk), E.EPROTO, 'cut short');
  t.end();
});

t.test('files as they were given', (t) => {
  const { ask } = mounted();
  open(ask, 1, 'b');
  t.equal(read(ask, 1), 'hello');
  t.equal(read(ask, 1, 3, 1), 'l');
  t.equal(read(ask, 1, 5), '');
  t.equal(read(ask, 1, 2 ** 40), '');
  t.same(attributes(ask, 1), { mode: FILE, uid: 0, gid: 0, links: 1, size: 5, seconds: 0, nanoseconds: 0 });
  open(ask, 2, 'sub');
  t.equal(ask(T.read, [4, 2], [8, 0], [4, 1]), E.EISDIR);
  t.match(attributes(ask, 0), { mode: FOLDER, links: 3, seconds: 0 }, 'making what is in it has not altered the root');
  t.same(list(ask, 2, 8000), ['.', '..', 'deep']);
  ok(walk(ask, 2, 3, 'deep'));
  t.match(attributes(ask, 3), { seconds: 1, nanoseconds: 500_250_000 });
  t.equal(ask(T.read, [4, 3], [8, 0], [4, 1]), E.EBADF, 'not open');
  t.end();
});

t.test('walks', (t) => {
  const { ask } = mounted();
  t.equal(walk(ask, 0, 1, 'none'), E.ENOENT);
  t.equal(ok(walk(ask, 0, 1, 'sub', 'none')).u16(), 1, 'as far as it goes');
  t.equal(ask(T.clunk, [4, 1]), E.ESTALE, 'then there is no new fid');
  t.equal(ok(walk(ask, 0, 1, 'b', 'x')).u16(), 1, 'a file has nothing in it');
  ok(walk(ask, 0, 2, 'sub', '..', 'b'));
  t.equal(attributes(ask, 2).size, 5);
  ok(walk(ask, 0, 3, '..', '.', 'sub'));
  ok(ask(T.clunk, [4, 3]));
  t.equal(walk(ask, 3, 4), E.ESTALE);
  t.end();
});

t.test('writing', (t) => {
  const { server, ask, world } = mounted();
  open(ask, 1, 'b');
  world.ms = 61_000;
  t.equal(ok(write(ask, 1, 0, 'J')).u32(), 1);
  ok(write(ask, 1, 7, 'end'));
  t.equal(read(ask, 1), 'Jello\0\0end');
  t.match(attributes(ask, 1), { size: 10, seconds: 61 });
  t.equal(text(given[0]?.bytes), 'hello', 'what was given is as it was');
  const size = (to: number): WireReader | number =>
    ask(T.setattr, [4, 1], [4, 8], [4, 0], [4, 0], [4, 0], [8, to], [8, 0], [8, 0], [8, 0], [8, 0]);
  ok(size(2));
  ok(size(6));
  t.equal(read(ask, 1), 'Je\0\0\0\0', 'what was cut off does not come back');
  t.equal(size(SHARE_BYTES_MAX), E.ENOSPC);
  t.equal(write(ask, 1, SHARE_BYTES_MAX, 'x'), E.ENOSPC);
  t.equal(attributes(ask, 1).size, 6);
  ok(ask(T.lopen, [4, 1], [4, 0o1001]));
  t.equal(attributes(ask, 1).size, 0, 'opened to be cut off');
  for (let part = 0; part < 300; part++) ok(write(ask, 1, part * 10, '0123456789'));
  t.equal(read(ask, 1, 2995), '56789');
  ok(ask(T.fsync, [4, 1], [4, 0]));
  t.match(contents(server), ['/', /^b=0123/, 'run=#!', 'sub/', 'sub/deep=deep']);
  t.end();
});

t.test('making, moving, removing', (t) => {
  const { server, ask } = mounted();
  ok(walk(ask, 0, 1));
  ok(ask(T.lcreate, [4, 1], 'new', [4, 0o101], [4, 0o100640], [4, 5]));
  ok(write(ask, 1, 0, 'n'));
  t.match(attributes(ask, 1), { mode: 0o100640, gid: 5, size: 1 });
  t.equal(ask(T.mkdir, [4, 0], 'new', [4, 0o755], [4, 0]), E.EEXIST);
  for (const name of ['', '.', '..', 'a/b']) t.equal(ask(T.mkdir, [4, 0], name, [4, 0o755], [4, 0]), E.EINVAL, name);
  t.equal(ask(T.mkdir, [4, 0], 'n'.repeat(256), [4, 0o755], [4, 0]), E.ENAMETOOLONG);
  ok(ask(T.mkdir, [4, 0], 'dir', [4, 0o755], [4, 0]));
  ok(walk(ask, 0, 2, 'dir'));
  ok(ask(T.symlink, [4, 2], 'to', '../b', [4, 0]));
  ok(walk(ask, 2, 3, 'to'));
  t.equal(ok(ask(T.readlink, [4, 3])).text(), '../b');
  t.equal(ask(T.readlink, [4, 2]), E.EINVAL);
  ok(ask(T.mknod, [4, 2], 'plain', [4, FILE], [4, 0], [4, 0], [4, 0]));
  t.equal(ask(T.mknod, [4, 2], 'null', [4, 0o020644], [4, 1], [4, 3], [4, 0]), E.EPERM);
  t.equal(ask(T.link, [4, 2], [4, 1], 'hard'), E.EPERM);
  t.equal(ask(T.xattrwalk, [4, 2], [4, 9], 'user.x'), E.EOPNOTSUPP);

  t.equal(ask(T.unlinkat, [4, 0], 'dir', [4, 0]), E.EISDIR);
  t.equal(ask(T.unlinkat, [4, 0], 'dir', [4, 0x200]), E.ENOTEMPTY);
  t.equal(ask(T.unlinkat, [4, 0], 'new', [4, 0x200]), E.ENOTDIR);
  t.equal(ask(T.renameat, [4, 0], 'dir', [4, 2], 'self'), E.EINVAL, 'a folder does not go into itself');
  t.equal(ask(T.renameat, [4, 0], 'dir', [4, 0], 'b'), E.ENOTDIR);
  t.equal(ask(T.renameat, [4, 0], 'b', [4, 0], 'dir'), E.EISDIR);
  t.equal(ask(T.renameat, [4, 0], 'gone', [4, 0], 'x'), E.ENOENT);
  ok(ask(T.renameat, [4, 0], 'new', [4, 2], 'plain'));
  ok(ask(T.rename, [4, 2], [4, 0], 'moved'));
  t.same(contents(server), [
    '/',
    'b=hello',
    'moved/',
    'moved/plain=n',
    'moved/to=../b',
    'run=#!',
    'sub/',
    'sub/deep=deep',
  ]);
  ok(ask(T.remove, [4, 3]));
  t.equal(ask(T.clunk, [4, 3]), E.ESTALE, 'the fid went, too');
  ok(ask(T.unlinkat, [4, 2], 'plain', [4, 0]));
  ok(ask(T.unlinkat, [4, 0], 'moved', [4, 0x200]));
  t.equal(ask(T.mkdir, [4, 2], 'in', [4, 0o755], [4, 0]), E.ENOENT, 'nothing is made in a folder that is gone');
  t.equal(read(ask, 1), 'n', 'what is open stays');
  t.equal(attributes(ask, 1).links, 0);
  t.same(contents(server), ['/', 'b=hello', 'run=#!', 'sub/', 'sub/deep=deep']);
  t.end();
});

t.test('attributes, locks, sizes', (t) => {
  const { ask, world } = mounted();
  ok(walk(ask, 0, 1, 'b'));
  const set = (valid: number, seconds = 0): WireReader =>
    ok(
      ask(
        T.setattr,
        [4, 1],
        [4, valid],
        [4, 0o600],
        [4, 1000],
        [4, 100],
        [8, 0],
        [8, 0],
        [8, 0],
        [8, seconds],
        [8, 5000],
      ),
    );
  set(1 | 2 | 4);
  t.match(attributes(ask, 1), { mode: 0o100600, uid: 1000, gid: 100, size: 5 });
  set(0x20 | 0x100, 77);
  t.match(attributes(ask, 1), { seconds: 77, nanoseconds: 5000 });
  world.ms = 9000;
  set(0x20);
  t.match(attributes(ask, 1), { seconds: 9 });
  t.equal(ok(ask(T.lock, [4, 1], [1, 1], [4, 0], [8, 0], [8, 0], [4, 1], 'me')).u8(), 0);
  t.equal(ok(ask(T.getlock, [4, 1], [1, 1], [8, 0], [8, 0], [4, 1], 'me')).u8(), 2);
  ok(ask(T.flush, [2, 3]));
  const statfs = ok(ask(T.statfs, [4, 0]));
  statfs.u32();
  t.same([statfs.u32(), statfs.u64()], [4096, SHARE_BYTES_MAX / 4096]);
  t.end();
});

t.test('a folder can be emptied while it is read in small pieces', (t) => {
  const { ask } = mounted([]);
  for (let index = 0; index < 50; index++) ok(ask(T.mkdir, [4, 0], `d${index}`, [4, 0o755], [4, 0]));
  ok(walk(ask, 0, 1));
  ok(ask(T.lopen, [4, 1], [4, 0]));
  t.equal(list(ask, 1, 60).length, 52, 'in pieces as in one');
  const first = list(ask, 1, 8000);
  t.same(first.slice(0, 4), ['.', '..', 'd0', 'd1'], 'in the order of making');
  const answer = ok(ask(T.readdir, [4, 1], [8, 0], [4, 300]));
  answer.u32();
  ok(ask(T.unlinkat, [4, 0], 'd0', [4, 0x200]));
  ok(ask(T.unlinkat, [4, 0], 'd1', [4, 0x200]));
  t.equal(list(ask, 1, 60).length, 50);
  t.end();
});

t.test('a saved server goes on as the one that was not interrupted', (t) => {
  const work = (ask: Ask): void => {
    open(ask, 1, 'b');
    ok(write(ask, 1, 5, ' there'));
    open(ask, 2, 'sub', 'deep');
    ok(ask(T.mkdir, [4, 0], 'dir', [4, 0o700], [4, 0]));
    ok(walk(ask, 0, 3, 'dir'));
    ok(ask(T.lcreate, [4, 3], 'held', [4, 0o101], [4, 0o644], [4, 0]));
    ok(write(ask, 3, 0, 'held'));
    ok(walk(ask, 0, 4, 'dir'));
    ok(ask(T.unlinkat, [4, 4], 'held', [4, 0]));
    ok(ask(T.unlinkat, [4, 0], 'run', [4, 0]));
  };
  const after = (ask: Ask, server: ShareServer): unknown => {
    const seen = [read(ask, 1), read(ask, 2), read(ask, 3), attributes(ask, 3)];
    ok(ask(T.mkdir, [4, 4], 'later', [4, 0o755], [4, 0]));
    ok(write(ask, 3, 4, '!'));
    return [seen, read(ask, 3), server.entries(), server.save()];
  };
  const whole = mounted();
  t.ok(served().server.save() === undefined, 'nothing is saved of a share that was not used');
  work(whole.ask);
  const saved = whole.server.save();
  if (!saved) throw new Error('nothing was saved');
  const again = served();
  const blob = Buffer.concat(saved.contents);
  again.server.load(JSON.parse(JSON.stringify(saved.share)), blob);
  t.equal(text(blob), 'hello thereheld', 'only what is not as given');
  t.same(again.server.save(), whole.server.save());
  t.same(after(again.ask, again.server), after(whole.ask, whole.server));
  const other = served([
    { path: 'b', mode: FILE, bytes: bytes('hello') },
    { path: 'run', mode: FILE, bytes: bytes('#!') },
    { path: 'sub', mode: FOLDER },
    { path: 'sub/deep', mode: FILE, bytes: bytes('not the same') },
  ]);
  t.throws(() => other.server.load(saved.share, blob), {
    name: 'InputError',
    message: /other files: deep had 4 bytes/,
  });
  t.end();
});

t.test('what it holds can be given to the next', (t) => {
  const { server, ask } = mounted();
  ok(ask(T.symlink, [4, 0], 'link', 'b', [4, 3]));
  ok(walk(ask, 0, 1, 'sub'));
  ok(ask(T.lcreate, [4, 1], 'more', [4, 0o101], [4, 0o600], [4, 5]));
  ok(write(ask, 1, 0, 'more'));
  const entries = server.entries();
  t.same(served(entries).server.entries(), entries);
  t.match(
    entries.map(({ path }) => path),
    ['', 'b', 'link', 'run', 'sub', 'sub/deep', 'sub/more'],
    'folders before what is in them, by name',
  );
  t.end();
});

t.test('without power nothing happens', (t) => {
  const { server, world } = mounted();
  world.on = false;
  let answered = false;
  const message = writeWire([[4, 0], [1, T.mkdir], [2, 1], [4, 0], 'x', [4, 0o755], [4, 0]]);
  server.filesystem.handle9p(message, () => (answered = true));
  t.notOk(answered);
  t.notMatch(contents(server), [/x/]);
  t.same(contents(server), ['/', 'b=hello', 'run=#!', 'sub/', 'sub/deep=deep']);
  t.end();
});
