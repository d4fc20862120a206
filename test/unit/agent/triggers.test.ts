// SPDX-License-Identifier: MIT
import { test } from 'tap';
import { type ArmedTrigger, TriggerSet } from '../../../emulator/agent/triggers.js';
import type { RunReport, StopReason } from '../../../emulator/machine/contract.js';

const report = (kinds: readonly number[], reason: StopReason = { why: 'byte' }, instructions = 0): RunReport => ({
  reason,
  console: new Uint8Array(0),
  agent: new Uint8Array(0),
  markers: kinds.map((kind) => ({ kind, word0: 0, word1: 0, instruction: 0, virtualMs: 0 })),
  captures: [],
  writes: [],
  instructions,
  virtualMs: 0,
  beginMs: 0,
});
const stopAt = (kind: number, nth?: number): ArmedTrigger => ({
  when: { on: 'marker', kind, ...(nth === undefined ? {} : { nth }) },
  then: { do: 'stop' },
});

test('a marker is counted across runs', async (t) => {
  const set = new TriggerSet([stopAt(5, 3)]);
  t.equal(set.after(report([5, 6])), undefined);
  t.match(set.armed(), [{ when: { on: 'marker', kind: 5, nth: 2 } }]);
  set.after(report([5]));
  t.match(set.armed(), [{ when: { nth: 1 } }]);
  t.equal(set.after(report([5], { why: 'trigger', index: 0 })), 0);
  t.same(set.armed(), []);
});

test('what has fired is not armed again, and indices stay those of the caller', async (t) => {
  const set = new TriggerSet([
    { when: { on: 'marker', kind: 1 }, then: { do: 'capture', label: 'a' } },
    { when: { on: 'instruction', count: 100 }, then: { do: 'stop' } },
    { when: { on: 'write', disk: 0, index: 4 }, then: { do: 'cutPower' } },
    stopAt(9),
  ]);
  set.after(report([1], { why: 'byte' }, 50));
  t.equal(set.armed().length, 3);
  t.equal(set.after(report([], { why: 'trigger', index: 0 }, 101)), 1);
  t.equal(set.armed().length, 2);
  t.equal(set.after(report([9], { why: 'trigger', index: 1 }, 200)), 3);
  t.match(set.armed(), [{ when: { on: 'write' } }]);
});
