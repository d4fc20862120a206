// SPDX-License-Identifier: MIT
/** What `snapback doctor --cure` installs. Nothing is installed here: a program that does nothing stands in the place of apt. */
import { chmodSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { doctorCommand } from '../../../tools/cli/doctor.js';

t.test('a host without sparse is told so', async (t) => {
  const bin = t.testdir({ 'apt-get': '#!/bin/sh\n' });
  chmodSync(join(bin, 'apt-get'), 0o755);
  symlinkSync('/usr/bin/env', join(bin, 'env'));
  const before = { PATH: process.env['PATH'], SNAPBACK_CACHE: process.env['SNAPBACK_CACHE'] };
  t.teardown(() => {
    for (const [name, value] of Object.entries(before))
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  });
  // No program of this host but these two, and those that only root uses.
  Object.assign(process.env, { PATH: bin, SNAPBACK_CACHE: join(bin, 'cache') });
  await t.rejects(doctorCommand({ cure: true }, { signal: new AbortController().signal, done: () => undefined }), {
    name: 'RigError',
    remedy: /apt-get install -y .*\bsparse\b/,
  });
});
