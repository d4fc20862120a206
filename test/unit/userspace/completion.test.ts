// SPDX-License-Identifier: MIT
/** The completion for bash knows the commands and options of snapctl. */
import { execFileSync } from 'node:child_process';
import { test } from 'tap';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { run } from './fixtures/programs.js';

const completion = packagePath('guest-kernel', 'userspace', 'snapctl', 'snapctl.bash');

/** What bash offers for the last of these words. */
const offered = (...words: readonly string[]): readonly string[] =>
  execFileSync(
    'bash',
    [
      '-c',
      'source "$0"; COMP_WORDS=(snapctl "$@"); COMP_CWORD=$#; _snapctl; printf "%s\\n" "${COMPREPLY[@]}"',
      completion,
      ...words,
    ],
    { encoding: 'utf8', cwd: packagePath() },
  )
    .split('\n')
    .filter((line) => line !== '')
    .sort();

const all = (text: string, pattern: RegExp): readonly string[] =>
  [...new Set([...text.matchAll(pattern)].map(([, one]) => one ?? ''))].sort();

test('commands, options and policies are those of `snapctl --help`', async (t) => {
  const usage = run('snapctl', '--help').stdout;
  t.same(offered(''), [...all(usage, /snapctl (\w+)/g), '--help'].sort());
  for (const part of usage.split(/snapctl (?=[a-z])/).slice(1)) {
    const [command = ''] = part.split(/\s/);
    const options = all(part, /(?:\[|\| )(--?[\w-]+)/g);
    t.same(options.length === 0 ? [] : offered(command, '-'), options, command);
    for (const [, option = '', choices = ''] of part.matchAll(/(--[\w-]+) ([a-z]+(?:\|[a-z]+)+)/g))
      t.same(offered(command, option, ''), choices.split('|').sort(), `${command} ${option}`);
  }
  t.same(offered('suspend', '--on-failure', 'ro'), ['rollback']);
});

test('files are offered for images, devices and the words of a command', async (t) => {
  t.same(offered('verify', 'package.js'), ['package.json']);
  t.same(offered('take', '-c', 'package.js'), ['package.json']);
  t.same(offered('suspend', '--timeout', ''), []);
});
