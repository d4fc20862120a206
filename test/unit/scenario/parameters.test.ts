// SPDX-License-Identifier: MIT
import t from 'tap';
import { readScenario, type ScenarioOverrides } from '../../../emulator/scenario/schema.js';

const read = (text: string, overrides: ScenarioOverrides = {}): unknown => {
  const result = readScenario(text, 'x.yaml', overrides);
  return 'issues' in result ? result.issues.map(({ line, message }) => `${line}: ${message}`) : result.scenario;
};
const WITH = (parameters: string, steps = '  - boot\n'): string =>
  `name: x\nparameters: ${parameters}\nsteps:\n${steps}`;

t.test('the value of a parameter stands for its name; the first one, unless another is asked for', (t) => {
  const text = WITH(
    '{ filesystem: [ext4, xfs], time: [1-h] }',
    '  - boot\n  - run: mkfs.${filesystem} ${other} ${time}\n',
  );
  t.match(read(text), {
    steps: [{ do: 'boot' }, { command: 'mkfs.ext4 ${other} 1-h' }],
    parameters: { filesystem: 'ext4', time: '1-h' },
  });
  t.match(read(text, { parameters: { filesystem: 'xfs' } }), {
    steps: [{ do: 'boot' }, { command: 'mkfs.xfs ${other} 1-h' }],
    parameters: { filesystem: 'xfs', time: '1-h' },
  });
  const typed = WITH('{ seed: ["7", "8"] }').replace('steps', 'machine: { kernel: release, seed: ${seed} }\nsteps');
  t.match(read(typed), [/^3: /], 'in a mapping of one line, braces have to be quoted, as everywhere in YAML');
  t.match(read(typed.replace('machine: { kernel: release, seed: ${seed} }', 'machine:\n  seed: ${seed}')), {
    machine: { seed: 7 },
  });
  t.notOk('parameters' in (read('name: x\nsteps: [boot]\n') as object));
  t.end();
});

t.test('what is wrong with parameters is said at its place', (t) => {
  const text = WITH('{ filesystem: [ext4, xfs] }');
  t.match(read(text, { parameters: { filesystem: 'xfx' } }), [
    /^2: 'xfx' is no value of the parameter 'filesystem'; did you mean 'xfs'\?/,
  ]);
  t.match(read(text, { parameters: { filesystem: 'elephant' } }), [/^2: .*: it has ext4, xfs$/]);
  t.match(read(text, { parameters: { filesystm: 'xfs' } }), [
    /^2: the scenario has no parameter 'filesystm'; did you mean 'filesystem'/,
  ]);
  t.match(read(text, { parameters: { workload: 'x' } }), [
    /^2: the scenario has no parameter 'workload': it has filesystem$/,
  ]);
  t.match(read('name: x\nsteps: [boot]\n', { parameters: { constructor: 'x' } }), [
    /^1: the scenario has no parameter 'constructor'$/,
  ]);
  t.match(read(WITH('{ filesystem: [] }')), [/^2: at least 1 wanted/]);
  t.match(read(WITH('{ filesystem: ext4 }')), [/^2: a list of/]);
  t.match(read(WITH('{ filesystem: ["a b"] }')), [/^2: a word of letters/]);
  t.match(read(WITH('{ file-system: [a] }')), [/^2: the name of a parameter/]);
  t.match(read(WITH('[a]')), [/^2: a mapping/]);
  t.end();
});

t.test('all suspends are by the method that is asked for, if they can be', (t) => {
  const steps = (suspend: string): string =>
    `name: x\nsteps:\n  - boot\n  - repeat:\n      times: 2\n      steps:\n        - suspend: ${suspend}\n        - resume\n  - shutdown\n`;
  t.match(read(steps('{}'), { method: 'swsusp' }), {
    steps: [{}, { steps: [{ do: 'suspend', method: 'swsusp' }, {}] }, {}],
    machine: { cmdline: [] },
  });
  t.match(read(steps('{ method: swsusp }'), { method: 'sys_snapshot' }), {
    steps: [{}, { steps: [{ method: 'sys_snapshot' }, {}] }, {}],
    machine: { cmdline: [/./] },
  });
  t.match(read(steps('{ store: memory }'), { method: 'swsusp' }), [/^7: swsusp has no `store`$/]);
  t.match(read(steps('{ method: swsusp, swap: /swapfile }'), { method: 'sys_snapshot' }), [
    /^7: sys_snapshot saves no image in `swap`$/,
  ]);
  t.end();
});
