// SPDX-License-Identifier: MIT
import t from 'tap';
import type { MarkerSeen } from '../../../emulator/machine/contract.js';
import { stepBegin, stepEnd, type KernelStep } from '../../../emulator/machine/markers.js';
import { thawedTooEarly } from '../../../emulator/verify/disk/order.js';

const at = (...steps: readonly `${KernelStep}:${'begin' | 'end'}`[]): readonly MarkerSeen[] =>
  steps.map((name, index) => {
    const [step = 'call', edge] = name.split(':') as [KernelStep, string];
    return {
      kind: edge === 'begin' ? stepBegin(step) : stepEnd(step),
      word0: 0,
      word1: 0,
      instruction: index,
      virtualMs: 0,
    };
  });

t.test('writes are redirected before anybody goes on', async (t) => {
  t.same(
    thawedTooEarly(
      at(
        'call:begin',
        'freezeTasks:end',
        'copy:end',
        'substitute:begin',
        'substitute:end',
        'thawTasks:begin',
        'thawFilesystems:begin',
        'call:end',
      ),
    ),
    [],
  );
  const failedFirst = at(
    'call:begin',
    'thawTasks:begin',
    'call:end',
    'call:begin',
    'thawTasks:begin',
    'copy:end',
    'substitute:end',
    'thawTasks:begin',
  );
  t.same(thawedTooEarly(failedFirst), [], 'neither an earlier call nor an attempt before the copy counts');
});

t.test('or after it', async (t) => {
  t.same(thawedTooEarly(at('call:begin', 'copy:end', 'thawTasks:begin', 'thawFilesystems:begin', 'substitute:end')), [
    { step: 'thawTasks', instruction: 2 },
    { step: 'thawFilesystems', instruction: 3 },
  ]);
  t.same(
    thawedTooEarly(at('call:begin', 'copy:end', 'thawFilesystems:begin')),
    [{ step: 'thawFilesystems', instruction: 2 }],
    'or never',
  );
});
