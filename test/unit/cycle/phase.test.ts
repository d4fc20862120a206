// SPDX-License-Identifier: MIT
import t from 'tap';
import { advance, orderProblems, type Phase } from '../../../emulator/cycle/phase.js';
import type { Step } from '../../../emulator/cycle/plan.js';

const suspend: Step = { do: 'suspend', method: 'swsusp', offMs: 0, whileSaving: [], faults: [] };
const cut: Step = { ...suspend, faults: [{ fault: 'cutPower', at: { instruction: 5 } }] };
const resume: Step = { do: 'resume', faults: [] };
const verify: Step = { do: 'verify', proofs: [] };

t.test("a machine's life", (t) => {
  const life: [Step, Phase][] = [
    [{ do: 'boot' }, 'running'],
    [suspend, 'suspended'],
    [resume, 'resumed'],
    [verify, 'running'],
    [suspend, 'suspended'],
    [{ do: 'boot' }, 'running'],
    [suspend, 'suspended'],
    [{ ...resume, faults: [{ fault: 'cutPower', at: { instruction: 5 } }] }, 'resumeCut'],
    [verify, 'suspended'],
    [resume, 'resumed'],
    [{ ...suspend, method: 'sys_snapshot', then: 'rollback' }, 'resumed'],
    [verify, 'running'],
    [{ ...suspend, method: 'sys_snapshot', then: 'commit' }, 'running'],
    [cut, 'off'],
    [{ do: 'boot' }, 'running'],
    [{ do: 'cutPower' }, 'off'],
    [{ do: 'boot', faults: [{ fault: 'cutPower', at: { instruction: 5 } }] }, 'off'],
    [{ do: 'boot', stops: 'stopped' }, 'off'],
    [{ do: 'boot', faults: [{ fault: 'failDisk', disk: 1, at: 'begin', failure: { requests: 'all' } }] }, 'running'],
  ];
  let phase: Phase = 'off';
  for (const [step, expected] of life) {
    const next = advance(phase, step as Exclude<Step, { do: 'repeat' }>);
    t.equal(next, expected, step.do);
    if (typeof next === 'string') phase = next;
  }
  t.end();
});

t.test('a repeated part must fit onto its own end', (t) => {
  const once = orderProblems([{ do: 'repeat', times: 1, steps: [{ do: 'boot' }] }]);
  t.same(once.problems, []);
  const twice = orderProblems([{ do: 'repeat', times: 2, steps: [{ do: 'boot' }] }]);
  t.same(
    twice.problems.map(({ path }) => path),
    [[0, 'repeat', 'steps', 0]],
  );
  t.end();
});

t.test('nothing but a resume can be verified', (t) => {
  t.match(advance('running', { do: 'verify', proofs: [] }), { problem: /no resume that has not been verified/ });
  const twice = orderProblems([{ do: 'boot' }, suspend, resume, verify, verify]);
  t.match(twice.problems, [{ path: [4], problem: /no resume that has not been verified/ }], 'and that once');
  t.match(advance('suspended', { do: 'shutdown' }), { problem: /is suspended/ });
  t.end();
});
