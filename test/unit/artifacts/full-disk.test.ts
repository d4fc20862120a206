// SPDX-License-Identifier: MIT
/** A cache on a disk that is too small: nothing half-built stays, and with more room the next run is as if nothing had been. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';
import t from 'tap';

/** In a mount namespace of its own, which an ordinary user can have only together with a user namespace. */
const NAMESPACE = process.getuid?.() === 0 ? ['unshare', '-m'] : ['unshare', '-r', '-m'];
const [program = '', ...args] = NAMESPACE;
const cannotMount =
  spawnSync(program, [...args, 'mount', '-t', 'tmpfs', 'none', '/mnt']).status !== 0 &&
  'this host lets nobody mount a tmpfs';

t.test('a cache on a full disk', { skip: cannotMount }, async (t) => {
  const dir = t.testdir({
    cache: {},
    'small.yaml': 'size: 16 MiB\nfilesystem: vfat\nfiles:\n  - { path: /big, host: big.bin }\n',
    'big.bin': 'x'.repeat(4 * 2 ** 20),
  });
  const command = join(dir, 'disk.mjs');
  await build({
    entryPoints: ['test/unit/artifacts/fixtures/disk.ts'],
    outfile: command,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'es2023',
    packages: 'external',
  });
  const script = `
    mount -t tmpfs -o size=1m none "$1/cache" || exit 99
    "$2" "$1/disk.mjs" "$1/cache" "$1/small.yaml"; echo "status $?"
    ls "$1/cache" | grep -v '^steady-[0-9a-f]*$' | sed 's/^/left /'
    mount -o remount,size=64m "$1/cache" || exit 99
    "$2" "$1/disk.mjs" "$1/cache" "$1/small.yaml"; echo "status $?"
    ls "$1/cache" | sed 's/-[0-9a-f]*$//; s/^/has /'`;
  const { status, stdout, stderr } = spawnSync(program, [...args, 'sh', '-c', script, 'sh', dir, process.execPath], {
    encoding: 'utf8',
  });
  t.equal(status, 0, stderr);
  t.match(
    stderr,
    /^snapback: the disk that holds the cache folder .*cache is full\n {2}because: [^]*\n {2}what to do: free some space/,
  );
  t.notMatch(stderr, /^ +at /m, 'without a stack');
  t.match(
    stdout,
    /^status 3\n[0-9a-f]{64}\nstatus 0\nhas disk-small\nhas steady\n$/,
    'nothing was left, and the next run builds it',
  );
  t.equal(stdout.split('\n').filter((line) => line.startsWith('left')).length, 0);
});
