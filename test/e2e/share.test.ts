// SPDX-License-Identifier: MIT
/** A share: the guest works on it as on any filesystem, bit for bit the same each time, and from a checkpoint in the midst of it. */
import { createHash } from 'node:crypto';
import t from 'tap';
import type { Agent, Machine } from '../../tools/library.js';
import { bootable } from './guest-support.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const share = [
  { path: 'greeting', mode: 0o100644, bytes: bytes('hello\n') },
  { path: 'program', mode: 0o100755, bytes: bytes('#!/bin/sh\necho run from the share\n') },
  { path: 'sub', mode: 0o040755 },
  { path: 'sub/data', mode: 0o100644, bytes: Uint8Array.from({ length: 300_000 }, (_, index) => index * 7) },
];
const { files: plain } = await bootable();
const { files, booter, inGuest: inBooted } = await bootable({}, share);

const MOUNT = 'mkdir -p /mnt/share && mount -t 9p -o trans=virtio host9p /mnt/share && cd /mnt/share';
/** The files of a machine's share, each with a digest of its bytes: tap goes through each byte of what it compares. */
const filesOf = async (machine: Machine): Promise<readonly { readonly path: string }[]> =>
  ((await machine.readShare()) ?? []).map(({ bytes: of, ...file }) => ({
    ...file,
    ...(of && { sha256: createHash('sha256').update(of).digest('hex') }),
  }));
/** Goes on for ever: makes files, appends, renames, removes. */
const WORK =
  'n=0; while true; do n=$((n+1)); head -c 20000 sub/data > new-$n; echo $n >> log; mv new-$n old-$((n % 5)); rm -f old-$(((n + 2) % 5)); done';

const inGuest = <T>(
  use: (run: (command: string) => Promise<string>, machine: Machine, agent: Agent) => Promise<T>,
): Promise<T> =>
  inBooted((agent, { machine }) => {
    const run = async (command: string): Promise<string> => {
      const { stdout, ...end } = await agent.exec(['/bin/sh', '-c', `{ ${command}; } 2>&1`]);
      return `${new TextDecoder().decode(stdout)}${end.ended === 'exited' && end.exitCode === 0 ? '' : JSON.stringify(end)}`;
    };
    return use(run, machine, agent);
  });

t.test('what a guest does to its files', async (t) => {
  t.not(files.configKey, plain.configKey, 'its checkpoints are not those of a machine without a share');
  await inGuest(async (run, machine) => {
    t.equal(await run(`${MOUNT} && cat greeting && ./program`), 'hello\nrun from the share\n');
    t.equal(
      await run('cd /mnt/share && ls && stat -c "%a %u %g %s %Y" greeting program sub/data'),
      'greeting\nprogram\nsub\n644 0 0 6 0\n755 0 0 34 0\n644 0 0 300000 0\n',
    );
    t.equal(
      await run(
        'cd /mnt/share && cp -r sub copy && echo 3 > /proc/sys/vm/drop_caches && cmp sub/data copy/data && mv copy/data moved && rmdir copy && ln -s moved link && cmp link sub/data',
      ),
      '',
    );
    t.equal(
      await run(
        'cd /mnt/share && seq 50000 > big && truncate -s 200000 big && sync && echo 3 > /proc/sys/vm/drop_caches && seq 50000 | cmp -n 200000 - big && rm big link && chmod 600 moved',
      ),
      '',
    );
    t.equal(
      await run(
        'cd /mnt/share && exec 5<> greeting && rm greeting && echo HELLO >&5 && cat /proc/self/fd/5 && flock moved true',
      ),
      'HELLO\n',
    );
    t.match(await run('cd /mnt/share && ln moved hard'), /Operation not permitted/);
    t.match(await run('cd /mnt/share && mknod null c 1 3'), /Operation not permitted/);
    t.match(await run('cd /mnt/share && truncate -s 300M much'), /No space left on device/);
    t.match(await run('mount -t 9p -o trans=virtio other /mnt'), /special device other does not exist/);
    t.equal(
      await run(
        'cd /mnt/share && rm much && seq 300 | sed s/^/d/ | xargs mkdir && rm -r d* && ls && cd / && umount /mnt/share',
      ),
      'moved\nprogram\nsub\n',
    );
    const left = (await machine.readShare()) ?? [];
    t.same(
      left.map(({ path, mode, bytes: of }) => [path, mode.toString(8), of?.length]),
      [
        ['', '40755', undefined],
        ['moved', '100600', 300_000],
        ['program', '100755', 34],
        ['sub', '40755', undefined],
        ['sub/data', '100644', 300_000],
      ],
    );
  });
  t.equal(new TextDecoder().decode(share[0]?.bytes), 'hello\n', 'what the host gave is as it was');
});

t.test('the same each time, and from a checkpoint on', async (t) => {
  const end = async (machine: Machine): Promise<unknown> => {
    const { instructions } = await machine.run({ virtualMsMax: 60 });
    return { instructions, hash: await machine.stateHash(), share: await filesOf(machine) };
  };
  const lives = await Promise.all(
    [0, 1].map(() =>
      inGuest(async (run, machine, agent) => {
        await run(MOUNT);
        await agent.spawn(['/bin/sh', '-c', `cd /mnt/share && ${WORK}`]);
        await machine.run({ virtualMsMax: 60 });
        const [hash, checkpoint] = [await machine.stateHash(), await machine.checkpoint()];
        const before = await filesOf(machine);
        const after = await end(machine);
        return { hash, checkpoint, before, after };
      }),
    ),
  );
  const [one, other] = lives;
  if (!one || !other) throw new Error('nobody lived');
  t.ok(
    one.before.some(({ path }) => path === 'log'),
    'it is at work',
  );
  t.notSame((one.after as { share: unknown }).share, one.before, 'and goes on');
  t.equal(one.hash, other.hash);
  t.same(one.after, other.after);

  const restored = await booter.engine.restore(booter.config, one.checkpoint);
  t.equal(await restored.stateHash(), one.hash);
  t.ok(
    Buffer.compare((await restored.checkpoint()).bytes, one.checkpoint.bytes) === 0,
    'its own checkpoint is the one it came from',
  );
  t.same(await end(restored), one.after, 'as the machine that was not interrupted');
  await restored.close();
  await t.rejects(booter.engine.restore(plain.config, one.checkpoint), {
    name: 'InputError',
    message: /with a share, unlike the config/,
  });
  const others = {
    ...booter.config,
    share: share.map((entry) => ({ ...entry, ...(entry.bytes && { bytes: bytes('x') }) })),
  };
  await t.rejects(booter.engine.restore(others, one.checkpoint), { name: 'InputError', message: /other files/ });
});
