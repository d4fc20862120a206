// SPDX-License-Identifier: MIT
import t from 'tap';
import {
  addedOptions,
  complaintsOf,
  configSymbolOf,
  missingSymbols,
  newComplaints,
  symbolsIn,
} from '../../../guest-kernel/each-text.js';

t.test('complaints of compilers, linkers, sparse and make', async (t) => {
  const output = `  CC      kernel/power/swap.o
kernel/power/swap.c:10:5: warning: unused variable 'x' [-Wunused-variable]
ld: kernel/power/user.o: undefined reference to \`swap_close'
kernel/power/user.c:3:4: error: expected ';'
make[3]: *** [scripts/Makefile.build:243: mm/x.o] Error 1
  LD      vmlinux`;
  t.equal(complaintsOf(output).length, 4);
  t.same(complaintsOf('  CC      drivers/md/dm-warning.o\n  CC      lib/errors.o'), []);
});

t.test('only what is new', async (t) => {
  t.same(
    newComplaints(['a.c:1: warning: x', 'a.c:9: warning: x'], ['a.c:2: warning: x', 'a.c:30: warning: x']),
    [],
    'lines move',
  );
  t.same(
    newComplaints(['a.c:1: warning: x'], ['a.c:2: warning: x', 'a.c:30: warning: x']),
    ['a.c:30: warning: x'],
    'once more',
  );
  t.same(newComplaints([], ['b.c:2: warning: y']), ['b.c:2: warning: y']);
});

t.test('options and the objects that they decide on', async (t) => {
  t.same(addedOptions('+config SNAPSHOT_SYSCALL\n+\tbool "x"\n config OLD\n+menuconfig MORE\n'), [
    'CONFIG_SNAPSHOT_SYSCALL',
    'CONFIG_MORE',
  ]);
  const makefile = 'obj-y += main.o\nobj-$(CONFIG_A)\t+= a.o \\\n\t\tb.o\nobj-$(CONFIG_C) += c.o\nbig-y := part.o\n';
  t.equal(configSymbolOf(makefile, 'b'), 'CONFIG_A');
  t.equal(configSymbolOf(makefile, 'c'), 'CONFIG_C');
  t.equal(configSymbolOf(makefile, 'main'), undefined);
  t.equal(configSymbolOf(makefile, 'part'), undefined);
});

t.test('symbols that come too late', async (t) => {
  const { defined, wanted } = symbolsIn(
    'mm/a.o:00000010 T swap_close\nmm/a.o:00000000 t helper\nmm/a.o:         U kfree\nmm/a.o:         U later\n',
  );
  t.same([[...defined], [...wanted]], [['swap_close'], ['kfree', 'later']]);
  const then = { at: 'second', defined: new Set(['swap_close', 'later']), wanted };
  t.same(missingSymbols([{ at: 'first', defined, wanted }, then]), [{ at: 'first', missing: ['later'] }]);
  t.same(
    missingSymbols([then, { at: 'third', defined: new Set(['kfree2']), wanted }]),
    [],
    'kfree is elsewhere in the kernel',
  );
});
