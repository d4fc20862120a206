// SPDX-License-Identifier: MIT
import t from 'tap';
import { InputError } from '../../../emulator/machine/errors.js';
import { planOn } from '../../../tools/soak/machine-options.js';
import { commandOf, HELP, readOptions, type Options } from '../../../tools/soak/options.js';
import { partsOf } from '../../../tools/soak/parts.js';
import { loadChain } from '../../../tools/soak/chain.js';

t.test('what is to be run', (t) => {
  t.same(readOptions(['chain']), { run: 'chain', cycles: 200, seed: 1, machine: {} });
  t.same(readOptions(['chain', '--cycles', '7', '--seed', '3', '--kernel', 'debug']), {
    run: 'chain',
    cycles: 7,
    seed: 3,
    machine: { kernel: 'debug' },
  });
  t.same(readOptions(['storm']), { run: 'storm', firstSeed: 1, lastSeed: 1000, machine: {} });
  t.same(readOptions(['storm', '--seeds', '17']), { run: 'storm', firstSeed: 17, lastSeed: 17, machine: {} });
  t.same(readOptions(['storm', '--seeds', '17-20', '--engine', 'qemu', '--processors', '2', '--memory', '1 GiB']), {
    run: 'storm',
    firstSeed: 17,
    lastSeed: 20,
    machine: { engine: 'qemu', processors: 2, memoryMiB: 1024 },
  });
  t.same(readOptions(['scenarios', 'fs-all', 'chain']), { run: 'scenarios', names: ['fs-all', 'chain'], machine: {} });
  t.same(readOptions(['memory', '--snapshots', '9']), { run: 'memory', snapshots: 9, seed: 1, machine: {} });
  t.same(readOptions(['stacks', 'ext4 on linear', '--write', '/x']), {
    run: 'stacks',
    names: ['ext4 on linear'],
    write: '/x',
    machine: {},
  });
  t.same(readOptions(['kernel']), { run: 'kernel', flavour: 'release', arch: 'i386' });
  t.same(readOptions(['kernel', '--kernel', 'debug', '--arch', 'x86_64']), {
    run: 'kernel',
    flavour: 'debug',
    arch: 'x86_64',
  });
  t.same(readOptions(['tests']), { run: 'tests', names: [] });
  t.same(readOptions(['tests', 'debug-kernel']), { run: 'tests', names: ['debug-kernel'] });
  t.same(readOptions(['browsers']), { run: 'browsers', names: [] });
  t.same(readOptions(['browsers', 'firefox']), { run: 'browsers', names: ['firefox'] });
  t.throws(() => readOptions(['browsers', 'lynx']), { message: "a browser is chromium or firefox, not 'lynx'" });
  t.throws(() => readOptions(['browsers', '--engine', 'v86']), { message: /a machine of its own, not --engine v86/ });
  t.same(readOptions([]), { run: 'all', from: 1, machine: {} });
  t.same(readOptions(['--engine', 'qemu']), { run: 'all', from: 1, machine: { engine: 'qemu' } });
  t.same(readOptions(['all', '--from', '3']), { run: 'all', from: 3, machine: {} });
  t.same(readOptions(['--help']), { run: 'help' });
  t.match(HELP, 'npm run soak -- chain');
  t.end();
});

t.test('each part is a command of its own', (t) => {
  const wordsOf = (command: string): string[] =>
    [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, inQuotes, plain]) => inQuotes ?? plain ?? '').slice(4);
  const given: readonly Options[] = [
    ...partsOf('v86'),
    ...partsOf('qemu'),
    readOptions(['all', '--from', '3', '--engine', 'qemu']),
    readOptions(['stacks', 'xfs on crypt', 'ext4, moved to a younger crypt', '--kernel', 'debug']),
    readOptions(['tests', 'debug-kernel', 'reproducible']),
    readOptions(['storm', '--seeds', '5', '--memory', '640 MiB', '--cmdline', 'nokaslr preempt=full']),
  ];
  for (const one of given) {
    if (one.run === 'help') continue;
    t.same(readOptions(wordsOf(commandOf(one))), one, commandOf(one));
  }
  const onBoth = ['chain', 'kernel', 'memory', 'scenarios', 'stacks', 'storm'];
  for (const [engine, expected] of [
    ['v86', ['browsers', ...onBoth, 'tests']],
    ['qemu', onBoth],
  ] as const)
    t.same([...new Set(partsOf(engine).map(({ run }) => run))].sort(), expected, engine);
  t.end();
});

t.test('a kernel that needs memory for its shadow has it in each part', (t) => {
  const debug = partsOf('qemu').flatMap((part) =>
    'machine' in part && part.machine.kernel === 'debug' ? [[part.run, part.machine.memoryMiB]] : [],
  );
  t.same(debug, [
    ['scenarios', 1024],
    ['stacks', 1024],
    ['storm', 1024],
  ]);
  t.end();
});

t.test('the kernel without the series has storms of its own', (t) => {
  t.same(
    partsOf('v86').flatMap((part) =>
      part.run === 'storm' && part.machine.kernel === 'pristine' ? [commandOf(part)] : [],
    ),
    ['npm run soak -- storm --seeds 1-100 --kernel pristine'],
  );
  t.end();
});

t.test('a machine has the words and the order of freezing that were asked for', async (t) => {
  const { plan } = await loadChain(2, { freezeOrder: 'filesystems-first' });
  const { machine } = planOn(plan, { cmdline: 'nokaslr  preempt=full' });
  t.same(machine.cmdline.slice(-2), ['nokaslr', 'preempt=full']);
  t.equal(machine.freezeOrder, 'filesystems-first');
  t.same(planOn(plan, {}), plan);
});

t.test('what cannot be meant is refused, with a word on it', (t) => {
  const refused: readonly (readonly [string[], RegExp])[] = [
    [['chains'], /nothing named 'chains'/],
    [['chain', 'storm'], /'storm' is too much/],
    [['chain', '--cycles', '0'], /whole number from 1 to 10000, not '0'/],
    [['chain', '--seeds', '1'], /--seeds is not for 'chain'/],
    [['storm', '--seed', '1'], /--seed is not for 'storm'/],
    [['storm', '--seeds', '5-4'], /FIRST-LAST, not '5-4'/],
    [['storm', '--seeds', 'x'], /FIRST-LAST, not 'x'/],
    [['storm', '--what'], /--what/],
    [['storm', '--freeze-order', 'tasks-first'], /by its seed/],
    [['memory', '--cycles', '2'], /--cycles is not for 'memory'/],
    [['storm', '--engine', 'bochs'], /v86 or qemu, not 'bochs'/],
    [['storm', '--memory', '1 TiB'], /--memory is a size/],
    [['scenarios', '--disk-bus', 'scsi'], /--disk-bus is ide or ahci .*, not 'scsi'/],
    [['scenarios', '--processors', '9'], /from 1 to 8, not '9'/],
    [['kernel', '--kernel', './linux'], /release or debug/],
    [['kernel', '--cycles', '2'], /--cycles is not for 'kernel'/],
    [['kernel', '--arch', 'arm'], /i386 or x86_64, not 'arm'/],
    [['tests', '--seed', '2'], /--seed is not for 'tests'/],
    [['tests', '--kernel', 'debug'], /machines of its own, not --kernel debug/],
    [['all', '--processors', '2'], /only their --engine is chosen, not --processors 2/],
  ];
  for (const [args, message] of refused)
    t.throws(() => readOptions(args), { constructor: InputError, message }, args.join(' '));
  t.end();
});
