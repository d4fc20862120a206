// SPDX-License-Identifier: MIT
import t from 'tap';
import { InputError } from '../../../emulator/machine/errors.js';
import { HELP, readOptions } from '../../../tools/soak/options.js';

t.test('what is to be run', (t) => {
  t.same(readOptions(['chain']), { run: 'chain', cycles: 200, seed: 1 });
  t.same(readOptions(['chain', '--cycles', '7', '--seed', '3', '--kernel', 'debug']), {
    run: 'chain',
    cycles: 7,
    seed: 3,
    kernel: 'debug',
  });
  t.same(readOptions(['storm']), { run: 'storm', firstSeed: 1, lastSeed: 1000 });
  t.same(readOptions(['storm', '--seeds', '17']), { run: 'storm', firstSeed: 17, lastSeed: 17 });
  t.same(readOptions(['storm', '--seeds', '17-20', '--kernel', './k']), {
    run: 'storm',
    firstSeed: 17,
    lastSeed: 20,
    kernel: './k',
  });
  t.same(readOptions(['kernel']), { run: 'kernel', flavour: 'release', arch: 'i386' });
  t.same(readOptions(['kernel', '--kernel', 'debug', '--arch', 'x86_64']), {
    run: 'kernel',
    flavour: 'debug',
    arch: 'x86_64',
  });
  t.same(readOptions(['--help']), { run: 'help' });
  t.match(HELP, 'npm run soak -- chain');
  t.end();
});

t.test('what cannot be meant is refused, with a word on it', (t) => {
  const refused: readonly (readonly [string[], RegExp])[] = [
    [[], /chain, storm or kernel/],
    [['kernel', '--seeds', '1'], /takes --kernel and --arch/],
    [['kernel', '--kernel', './k'], /release or debug .* not '.\/k'/],
    [['kernel', '--arch', 'arm'], /i386 or x86_64, not 'arm'/],
    [['chain', '--arch', 'x86_64'], /--arch/],
    [['chains'], /nothing named 'chains'/],
    [['chain', 'storm'], /'storm' is too much/],
    [['chain', '--cycles', '0'], /whole number from 1 to 10000, not '0'/],
    [['chain', '--seeds', '1'], /is for storms/],
    [['storm', '--seed', '1'], /storms take --seeds/],
    [['storm', '--seeds', '5-4'], /FIRST-LAST, not '5-4'/],
    [['storm', '--seeds', 'x'], /FIRST-LAST, not 'x'/],
    [['storm', '--what'], /--what/],
  ];
  for (const [args, message] of refused)
    t.throws(() => readOptions(args), { constructor: InputError, message }, args.join(' '));
  t.end();
});
