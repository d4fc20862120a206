// SPDX-License-Identifier: MIT
/** Files on their way into the guest: whether there is room is known before the first of them. */
import t from 'tap';
import { Agent } from '../../../emulator/agent/agent.js';
import type { Frame } from '../../../emulator/agent/frame.js';
import { ANSWER, PayloadReader, payloadOf, REQUEST } from '../../../emulator/agent/protocol.js';
import { copyIntoGuest } from '../../../emulator/cycle/guest-files.js';
import type { GuestFile } from '../../../emulator/cycle/plan.js';
import { ERRNO } from '../../../emulator/machine/errno.js';
import { scriptedMachine } from '../agent/fixtures/scripted-machine.js';

interface Guest {
  /** Of the one filesystem below /root, in blocks of 1024 bytes, and below /tmp. */
  readonly freeBlocks?: number;
  readonly freeInodes?: number;
  /** Fails with this when something is to be written. */
  readonly refuses?: number;
  /** Speaks only the requests of an earlier agent. */
  readonly isOld?: boolean;
  readonly hasNoPort?: boolean;
}

const file = (path: string, lengthBytes: number): GuestFile => ({
  from: `./${path.slice(path.lastIndexOf('/') + 1)}`,
  path,
  mode: 0o640,
  bytes: new Uint8Array(lengthBytes).fill(7),
});

function copying(files: readonly GuestFile[], guest: Guest = {}) {
  const written = new Map<string, number>();
  const requests: number[] = [];
  const said: (readonly [string, number])[] = [];
  const answer = ({ type, id, payload }: Frame, delivered: Uint8Array | undefined): Frame => {
    const words = new PayloadReader(payload);
    const refuse = (errno: number): Frame => ({ type: ANSWER.error, id, payload: payloadOf(errno, 'no') });
    const ok: Frame = { type: ANSWER.ok, id, payload: new Uint8Array(0) };
    requests.push(type);
    if (guest.isOld === true && type >= REQUEST.fetch) return refuse(ERRNO.ENOSYS);
    switch (type) {
      case REQUEST.room: {
        const device = words.text().startsWith('/root') ? 1 : 2;
        return {
          type: ANSWER.room,
          id,
          payload: payloadOf(device, 1024, 10_000, guest.freeBlocks ?? 5000, guest.freeInodes ?? 100),
        };
      }
      case REQUEST.fetch:
      case REQUEST.put: {
        if (guest.hasNoPort === true && type === REQUEST.fetch) return refuse(ERRNO.ENXIO);
        if (guest.refuses !== undefined) return refuse(guest.refuses);
        const [, , offset] = [words.word(), words.word(), words.word()];
        const length = type === REQUEST.fetch ? words.word() : 0;
        const path = words.text();
        const bytes = type === REQUEST.fetch ? (delivered ?? new Uint8Array(0)) : words.rest();
        if (type === REQUEST.fetch && bytes.length !== length) return refuse(ERRNO.ENXIO);
        if (offset !== (written.get(path) ?? 0)) return refuse(ERRNO.ENXIO);
        written.set(path, offset + bytes.length);
        return ok;
      }
      default:
        return ok;
    }
  };
  const machine = scriptedMachine((frames, run) => ({ frames: frames.map((frame) => answer(frame, run.deliver)) }));
  const done = copyIntoGuest(new Agent(machine), files, (what, fraction) => said.push([what, fraction]));
  return { done, written, requests, said };
}

t.test('large files are delivered, small ones come by frame, and progress is told', async (t) => {
  const { done, written, requests, said } = copying([file('/root/large', 2_500_000), file('/root/small', 1000)]);
  await done;
  t.same(
    [...written],
    [
      ['/root/large', 2_500_000],
      ['/root/small', 1000],
    ],
  );
  t.same(requests, [REQUEST.room, REQUEST.fetch, REQUEST.fetch, REQUEST.fetch, REQUEST.put]);
  t.equal(said[0]?.[1], 0);
  t.equal(said.at(-1)?.[1], 1);
  t.same(new Set(said.map(([what]) => what)), new Set(['copy 2.5 MB into the guest']));
});

t.test('a guest that cannot fetch gets all by frames', async (t) => {
  for (const guest of [{ isOld: true }, { hasNoPort: true }]) {
    const { done, written, requests } = copying([file('/root/a', 100_000), file('/root/b', 100_000)], guest);
    await done;
    t.same(
      [...written],
      [
        ['/root/a', 100_000],
        ['/root/b', 100_000],
      ],
    );
    t.equal(requests.filter((type) => type === REQUEST.fetch).length, 1, 'and is asked once');
  }
});

t.test('a file that does not fit is named with its size and the room, and nothing is copied', async (t) => {
  const { done, written } = copying([file('/root/first', 1_000_000), file('/root/folder/big', 4_200_000)]);
  await t.rejects(done, {
    name: 'InputError',
    message: './big (4.2 MB) does not fit into the guest: the filesystem of /root/folder/big has 4.1 MB left for it',
    remedy: /share: FOLDER/,
  });
  t.equal(written.size, 0);
  await copying([file('/root/first', 1_000_000), file('/tmp/big', 4_200_000)]).done;
  await t.rejects(copying([file('/root/a', 1), file('/root/b', 1)], { freeInodes: 1 }).done, {
    name: 'InputError',
    message: /^\.\/b cannot be copied into the guest: .* no inode/,
  });
});

t.test('a filesystem that is full all the same is no fault of the guest', async (t) => {
  await t.rejects(copying([file('/root/a', 1000)], { refuses: ERRNO.ENOSPC }).done, {
    name: 'InputError',
    message: /^\.\/a \(0\.0 MB\) does not fit into the guest/,
  });
  await t.rejects(copying([file('/root/a', 1000)], { refuses: ERRNO.EBUSY }).done, { name: 'GuestError' });
});
