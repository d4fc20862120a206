// SPDX-License-Identifier: MIT
import t from 'tap';
import { MARKER_LAYOUT } from '../../../emulator/machine/markers.js';
import { PAGE_KINDS } from '../../../emulator/memory/kinds.js';
import { kindsAtCopy } from '../../../emulator/verify/memory/kinds.js';
import { syntheticKernel } from '../memory/synthetic-kernel.js';

t.test('what pages are used for at the copy, if that can be told', (t) => {
  const { kernel, places, systemMap, table } = syntheticKernel();
  const memory = kernel.memory.bytes.slice();
  const atCopy = { memory };
  const layoutAt = 3000 * 4096;
  memory.set(table, layoutAt);
  const layout = { kind: MARKER_LAYOUT, word0: layoutAt, word1: table.length, instruction: 1, virtualMs: 1 };
  const kinds = kindsAtCopy({ atCopy, layout }, systemMap);
  t.equal(kinds?.length, memory.length / 4096);
  t.equal(PAGE_KINDS[kinds?.[places.frames.slab] ?? 0], 'slab');
  t.equal(PAGE_KINDS[kinds?.[places.frames.anonymous] ?? 0], 'anonymous');
  t.equal(kindsAtCopy({ atCopy: undefined, layout }, systemMap), undefined, 'nothing was to be proved');
  t.equal(kindsAtCopy({ atCopy, layout: undefined }, systemMap), undefined, 'the kernel has announced nothing');
  t.equal(
    kindsAtCopy({ atCopy, layout: { ...layout, word0: memory.length } }, systemMap),
    undefined,
    'the table is no part of RAM: that is a matter of the proofs',
  );
  t.end();
});
