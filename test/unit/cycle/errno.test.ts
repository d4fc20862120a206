// SPDX-License-Identifier: MIT
import t from 'tap';
import { errnoIn, errnoName, errnoOf, ERRNO_NAMES } from '../../../emulator/machine/errno.js';

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
