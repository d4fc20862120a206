// SPDX-License-Identifier: MIT
/** What a machine of QEMU prints, while this process does not read. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { openFifos } from '../../../emulator/engines/qemu/host-node/fifos.js';
import { RigError } from '../../../emulator/machine/errors.js';

const BYTES = 32_768;

t.test('a page of text is taken byte by byte before anybody reads it, and nothing is lost', async (t) => {
  const path = join(t.testdir({}), 'console');
  let received = 0;
  let all = (): void => undefined;
  const complete = new Promise<void>((resolve) => (all = resolve));
  const line = await openFifos(path, (bytes) => {
    received += bytes.length;
    if (received >= BYTES) all();
  });
  t.teardown(() => line.close());
  // This process waits for the program, and reads nothing meanwhile. The program does not wait either.
  const { status, stderr } = spawnSync(
    'dd',
    ['if=/dev/zero', `of=${path}.out`, 'bs=1', `count=${BYTES}`, 'oflag=nonblock', 'conv=nocreat,notrunc'],
    { encoding: 'utf8' },
  );
  t.equal(status, 0, stderr);
  t.equal(received, 0);
  await complete;
  t.equal(received, BYTES);
});

t.test('bytes are sent', async (t) => {
  const path = join(t.testdir({}), 'console');
  const line = await openFifos(path, () => t.fail('they do not come back'));
  t.teardown(() => line.close());
  line.send(Buffer.from('ls\n'));
  const { stdout } = spawnSync('head', ['-c', '3', `${path}.in`], { encoding: 'utf8' });
  t.equal(stdout, 'ls\n');
});

t.test('a folder that is not there', async (t) => {
  await t.rejects(
    openFifos(join(t.testdir({}), 'nothing', 'console'), () => undefined),
    {
      constructor: RigError,
      message: /cannot make the FIFOs/,
    },
  );
});
