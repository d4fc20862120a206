// SPDX-License-Identifier: MIT
/** Scenarios of stacks: ordinary ones, as text. */
import type { EngineName } from '../../emulator/engines/names.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { PARTITIONS, partitionsOf, wordsFor, type Stack } from './stacks.js';

/** What a kernel that refuses says of the reason, in snapctl's message. */
const REASON = 'the kernel says: snapshot: \\S';

/** Guest time within which a suspend must end: many times what it takes. The patience of the engine comes to it. */
const SUSPEND_MAX: Readonly<Record<EngineName, string>> = { v86: '2 min', qemu: '20 s' };

/** The scenario of these stacks in one machine, whose snapshot must be taken in the end, or refused for good. */
export function scenarioOf(stacks: readonly Stack[], how: 'taken' | 'refused', engine: EngineName = 'v86'): string {
  let next = 0;
  const all = stacks.map((stack, index) => {
    const partitions = PARTITIONS.slice(next, (next += partitionsOf(stack)));
    return { ...stack, id: `s${index + 1}`, words: wordsFor(stack, partitions) };
  });
  const run = (what: string, id: string): string => `  - run: stack ${what} ${id}`;
  const ids = all.map(({ id }) => id);
  const held = all.filter(({ isHeld }) => isHeld).map(({ id }) => id);
  const refused = `  - suspend: { timeout: ${SUSPEND_MAX[engine]}, expect: { refused: ${JSON.stringify(REASON)} } }`;
  return [
    '# SPDX-License-Identifier: MIT',
    '# Written by `npm run soak -- stacks`.',
    ...all.map(({ name, id }) => `# ${id}: ${name}`),
    `name: ${JSON.stringify(all.map(({ name }) => name).join(' + '))}`,
    'disks: [root, layers]',
    'control: false',
    'files:',
    `  - { from: ${JSON.stringify(packagePath('test', 'scenarios', 'programs', 'stack.sh'))}, to: /usr/bin/stack, mode: '0755' }`,
    'steps:',
    '  - boot',
    ...all.map(({ id, words }) => `  - run: stack make ${id} ${words.join(' ')}`),
    ...ids.map((id) => run('load', id)),
    ...held.flatMap((id) => [run('hold', id), refused, run('release', id)]),
    ...(how === 'refused'
      ? [refused]
      : [
          '  - suspend:',
          '      offTime: 1 h',
          `      timeout: ${SUSPEND_MAX[engine]}`,
          '      whileSaving:',
          ...ids.flatMap((id) => [
            `        - { timeout: 30 s, command: stack check ${id} }`,
            `        - { timeout: 30 s, command: stack live ${id} }`,
          ]),
          '  - resume',
          '  - verify',
        ]),
    ...ids.map((id) => run('check', id)),
    ...ids.map((id) => run('end', id)),
    '  - shutdown',
    '',
  ].join('\n');
}

/** A file name for the stack's scenario. */
export const fileNameOf = ({ name }: Stack): string => `${name.replace(/[^a-z0-9]+/g, '-')}.yaml`;
