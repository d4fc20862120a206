// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { Errno } from '../../../emulator/engines/v86/share/errno.js';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { ERRNO, errnoIn, errnoName, errnoOf, ERRNO_NAMES } from '../../../emulator/machine/errno.js';

t.test('error numbers by name, and by what programs print', (t) => {
  t.same(
    [errnoOf('EBUSY'), errnoOf('EWOULDBLOCK'), errnoOf('EBUSSY'), errnoOf('toString')],
    [16, 11, undefined, undefined],
  );
  t.same(
    [errnoName(16), errnoName(11), errnoName(95), errnoName(9999)],
    ['EBUSY', 'EAGAIN', 'EOPNOTSUPP', 'error 9999'],
  );
  t.equal(errnoIn('/bin/echo: write error: Device or resource busy'), 16);
  t.equal(errnoIn('snapctl: snapshot: Device or resource busy; close the last snapshot'), 16);
  t.equal(errnoIn('all is well'), undefined);
  for (const name of ERRNO_NAMES) t.equal(errnoOf(errnoName(errnoOf(name) ?? 0)), errnoOf(name), name);
  t.end();
});

t.test('error numbers stand in one file', (t) => {
  t.equal(new Errno('ESTALE').number, ERRNO.ESTALE);
  const sources = readdirSync(packagePath('emulator'), { recursive: true, encoding: 'utf8' });
  const having = sources.filter(
    (file) =>
      file.endsWith('.ts') && /\bE[A-Z0-9]{3,}: \[?\d/.test(readFileSync(packagePath('emulator', file), 'utf8')),
  );
  t.same(having, ['machine/errno.ts']);
  t.end();
});
