// SPDX-License-Identifier: MIT
import t from 'tap';
import { consoleLines, lineAssembler } from '../../../emulator/console/lines.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

t.test('what a terminal would show', async (t) => {
  t.same(consoleLines(bytes('one\r\ntwo\r\n')), ['one', 'two']);
  t.same(consoleLines(bytes('\x1b[1;31mred\x1b[0m\r\n\x1b]0;title\x07plain\x1bc!\r\n\x1b(Bcharset\r\n')), [
    'red',
    'plain!',
    'charset',
  ]);
  t.same(consoleLines(bytes('  10%\r  20%\r 100%\r\n')), [' 100%'], 'a carriage return writes over the line');
  t.same(consoleLines(bytes('long text\rshort\n')), ['shorttext'], 'and leaves what is longer');
  t.same(consoleLines(bytes('abx\bc\ta\n')), ['abc     a']);
  t.same(consoleLines(bytes('\x1b]2;x\x1b\\after\n\0\x07bell\n')), ['after', 'bell']);
});

t.test('a last line without end is kept apart', async (t) => {
  const assembler = lineAssembler();
  t.same(assembler.push(bytes('done\r\n# ')), ['done']);
  t.equal(assembler.partial(), '#');
  t.same(assembler.push(bytes('ls\r\n')), ['# ls']);
  t.equal(assembler.partial(), '');
  t.same(consoleLines(bytes('a\nb')), ['a', 'b']);
});

t.test('pieces may be cut anywhere', async (t) => {
  const whole = bytes('\x1b[32mgrün\x1b[0m\r\n\x1b]0;t\x1b\\zwei\r\n');
  for (let cut = 0; cut <= whole.length; cut++) {
    const assembler = lineAssembler();
    t.same(
      [...assembler.push(whole.subarray(0, cut)), ...assembler.push(whole.subarray(cut))],
      ['grün', 'zwei'],
      `cut at ${cut}`,
    );
  }
});
