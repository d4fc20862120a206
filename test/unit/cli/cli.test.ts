// SPDX-License-Identifier: MIT
import t from 'tap';
import { describeFailure } from '../../../tools/cli/failure.js';
import { Interrupted } from '../../../tools/cli/interrupt.js';
import { poolLines } from '../../../tools/cli/pool-table.js';
import { progressTo, terminalLine } from '../../../tools/cli/progress.js';
import { GuestError, InputError, RigError } from '../../../emulator/machine/errors.js';

t.test('each kind of failure has its exit status, and none shows a stack', (t) => {
  t.same(describeFailure(new InputError('bad', { remedy: 'mend it' })), {
    message: 'snapback: bad\n  what to do: mend it',
    exitCode: 2,
  });
  t.same(describeFailure(new RigError('broken', { cause: new Error('full') })), {
    message: 'snapback: broken\n  because: full',
    exitCode: 3,
  });
  const guest = describeFailure(new GuestError('silent', { consoleTail: ['Kernel panic'] }));
  t.equal(guest.exitCode, 1);
  t.match(guest.message, /\| Kernel panic/);
  t.same(describeFailure(new Interrupted()), { message: 'snapback: interrupted', exitCode: 130 });
  t.end();
});

t.test('a fault in Snapback itself says so', (t) => {
  const { message, exitCode } = describeFailure(new TypeError('x is not a function'));
  t.equal(exitCode, 3);
  t.match(message, /a fault in Snapback itself\nTypeError/);
  t.end();
});

t.test('a full disk of the host is no fault of Snapback', (t) => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const { message, exitCode } = describeFailure(full);
  t.equal(exitCode, 3);
  t.match(message, /^snapback: a disk of this host is full\n {2}because: ENOSPC.*\n {2}what to do: .*SNAPBACK_CACHE/);
  t.end();
});

t.test('trouble of the host is told in a sentence, whatever it is', (t) => {
  for (const code of ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS', 'EIO', 'ELOOP', 'ENAMETOOLONG', 'EEXIST']) {
    const error = Object.assign(new Error(`${code}: something, mkdir '/a/b'`), { code, syscall: 'mkdir' });
    const { message, exitCode } = describeFailure(error);
    t.equal(exitCode, 3, code);
    t.match(
      message,
      new RegExp(`^snapback: [a-z].*\\n {2}because: ${code}: something, mkdir '/a/b'\\n {2}what to do: .*$`),
    );
  }
  t.end();
});

t.test('a cause is told for every kind of error, and nothing twice', (t) => {
  const cause = new Error('the disk is gone', { cause: new Error('EIO: read') });
  for (const error of [
    new InputError('bad', { cause }),
    new GuestError('bad', { cause }),
    new RigError('bad', { cause }),
  ])
    t.equal(
      describeFailure(error).message,
      'snapback: bad\n  because: the disk is gone\n  because: EIO: read',
      error.name,
    );
  t.match(
    describeFailure(new TypeError('x', { cause })).message,
    /TypeError: x\n[^]*\n {2}because: the disk is gone\n/,
  );
  t.equal(
    describeFailure(new InputError('bad: EIO: read', { cause: cause.cause })).message,
    'snapback: bad: EIO: read',
  );
  t.equal(describeFailure(new InputError('bad', { cause: 'no error' })).message, 'snapback: bad\n  because: no error');
  const several = new AggregateError([new Error('a'), new Error('b')]);
  t.equal(describeFailure(new RigError('bad', { cause: several })).message, 'snapback: bad\n  because: a; b');
  const circle = new Error('round');
  circle.cause = circle;
  t.equal(describeFailure(new RigError('bad', { cause: circle })).message, 'snapback: bad\n  because: round');
  t.end();
});

t.test('controls in a message are shown, not obeyed', (t) => {
  const error = new GuestError('a\u001b[2Jb', { consoleTail: ['x\u0007y'] });
  t.match(describeFailure(error).message, /^snapback: a\\x1b\[2Jb\n[^]*x\\x07y/);
  t.end();
});

function output(isTTY: boolean): { isTTY: boolean; columns: number; text: string; write: (text: string) => void } {
  return {
    isTTY,
    columns: 40,
    text: '',
    write(text) {
      this.text += text;
    },
  };
}

t.test('progress on a terminal is drawn over', (t) => {
  t.equal(terminalLine('kernel', 0.5, 80), '[##########..........]  50% kernel');
  t.equal(terminalLine('kernel', undefined, 80), 'kernel');
  t.equal(terminalLine('a very long text', 1, 20).length, 19);
  t.equal(terminalLine('run a\nb\u001b[2J', undefined, 80), 'run a\\nb\\x1b[2J', 'one line, whatever a command holds');
  const out = output(true);
  let nowMs = 0;
  const progress = progressTo(out, () => nowMs);
  progress.say('one', 0);
  progress.say('one', 0.1);
  t.notMatch(out.text, /10%/, 'not more often than eyes can follow');
  nowMs = 100;
  progress.say('one', 0.1);
  t.match(out.text, /10%/);
  progress.clear();
  t.match(out.text, /\r\u001b\[K$/);
  t.end();
});

t.test('several works are a table on a terminal, which is drawn over as a whole', (t) => {
  const cell = { name: 'long', which: 'with the patches', step: 'resume', fraction: 0.5, sinceMs: 1000 };
  const state = { done: 1, running: [cell], waiting: ['short', 'other', 'last'] };
  const lines = (count: number): readonly string[] => poolLines(state, 66_000, { lines: count, columns: 80 });
  t.same(lines(5), [
    '[####................]  20% 1 of 5 cells',
    'running     1:05  long   with the patches: resume, 50 %',
    'waiting           short',
    'waiting           other',
    'waiting           last',
  ]);
  t.same(lines(3).slice(1), ['running     1:05  long   with the patches: resume, 50 %', '... and 3 more']);
  const out = output(true);
  let nowMs = 0;
  const progress = progressTo(out, () => nowMs);
  progress.table(() => ['a', 'b', 'c'], 'one');
  t.equal(out.text, '\r\u001b[Ka\nb\nc');
  nowMs = 100;
  progress.table(() => ['a', 'B\u001b[2J'], 'one');
  t.equal(out.text.slice(9), '\r\u001b[1A\u001b[1A\u001b[Ja\nB\\x1b[2J', 'from its first line on');
  progress.clear();
  t.ok(out.text.endsWith('\r\u001b[1A\u001b[J'));
  const plain = output(false);
  progressTo(plain, () => 0).table(() => ['a', 'b'], '1 of 2 cells; running a');
  t.equal(plain.text, 'snapback: 1 of 2 cells; running a\n');
  t.end();
});

t.test('how far the same work has come is told with it', (t) => {
  t.equal(terminalLine('run x', undefined, 80, '3 s of 60 s'), 'run x · 3 s of 60 s');
  t.equal(
    terminalLine('run a very long command', undefined, 24, '3 s of 60 s'),
    'run a ver · 3 s of 60 s',
    'never cut off',
  );
  const out = output(false);
  let nowMs = 0;
  const progress = progressTo(out, () => nowMs);
  progress.say('run x', 0.5);
  for (nowMs = 1000; nowMs <= 31_000; nowMs += 1000) progress.say('run x', 0.5, `${nowMs / 1000} s of 60 s`);
  t.equal(out.text, 'snapback: run x (50%)\nsnapback: run x · 30 s of 60 s (50%)\n', 'now and then');
  t.end();
});

t.test('progress elsewhere is plain lines, few of them', (t) => {
  const out = output(false);
  let nowMs = 0;
  const progress = progressTo(out, () => nowMs);
  progress.say('one');
  progress.say('one', 0.3);
  progress.say('two', 0.5);
  t.equal(out.text, 'snapback: one\nsnapback: two (50%)\n');
  nowMs = 31_000;
  progress.say('two', 0.75);
  t.match(out.text, /two \(75%\)\n$/);
  progress.clear();
  t.notMatch(out.text, /\u001b/);
  t.end();
});
