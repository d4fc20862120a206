// SPDX-License-Identifier: MIT
/** What the guest's /proc says of the shell on its console. */
import t from 'tap';
import { foregroundName, shellWaits } from '../../../tools/cli/terminal-state.js';

const INIT = '1 (init) S 0 1 1 0 -1 4194560';
const shell = (foreground: number, state = 'S'): string => `70 (sh) ${state} 1 70 70 1088 ${foreground} 4194304`;

t.test('a shell that waits for input, and one that waits for a program', (t) => {
  t.equal(shellWaits([INIT, shell(70), ''].join('\n')), true);
  t.equal(shellWaits([INIT, shell(70, 'R')].join('\n')), false, 'it works');
  const editor = [INIT, shell(81), '81 (vi (new) file) S 70 81 70 1088 81 4194304'].join('\n');
  t.equal(shellWaits(editor), false);
  t.equal(foregroundName(editor), 'vi (new) file');
  t.equal(foregroundName([INIT, shell(99)].join('\n')), undefined, 'it has just ended');
  t.equal(shellWaits(INIT), false, 'there is no shell');
  t.end();
});
