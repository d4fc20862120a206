// SPDX-License-Identifier: MIT
import t from 'tap';
import { markerName } from '../../../emulator/machine/markers.js';
import { markerKind, markerNames } from '../../../emulator/scenario/marker-name.js';

t.test("names and kinds are each other's inverse", (t) => {
  for (const name of [...markerNames(), 'scenario:0', 'scenario:17']) t.equal(markerName(markerKind(name) ?? -1), name);
  t.end();
});

t.test('what is no marker has no kind', (t) => {
  for (const name of ['', 'copy', 'copy:middle', 'nothing:begin', 'scenario:x', 'toString', 'constructor:begin'])
    t.equal(markerKind(name), undefined, name);
  t.end();
});
