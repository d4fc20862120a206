// SPDX-License-Identifier: MIT
import t from 'tap';
import { errorText, firstError, warningsAfter, warningsIn } from '../../../emulator/validate/compiler.js';

const said = (...log: string[]): string | undefined => {
  const error = firstError(log);
  return error && errorText(error);
};

t.test('the first error of a build names file and line', (t) => {
  t.equal(
    said(
      '  CC      kernel/power/snapshot.o',
      "kernel/power/snapshot.c: In function 'copy_data_page':",
      "kernel/power/snapshot.c:12:3: warning: unused variable 'x' [-Wunused-variable]",
      "kernel/power/snapshot.c:14:9: error: 'y' undeclared (first use in this function)",
      'kernel/power/snapshot.c:20:1: error: later',
      'make[3]: *** [scripts/Makefile.build:229: kernel/power/snapshot.o] Error 1',
    ),
    "kernel/power/snapshot.c, line 14: 'y' undeclared (first use in this function)",
  );
  t.equal(
    said('mm/x.c:3:10: fatal error: linux/none.h: No such file or directory'),
    'mm/x.c, line 3: linux/none.h: No such file or directory',
  );
  t.equal(
    said('arch/x86/power/asm.S:7: Error: no such instruction: `moov'),
    'arch/x86/power/asm.S, line 7: no such instruction: `moov',
  );
  t.end();
});

t.test('so do those of the linker and of make', (t) => {
  t.equal(
    said("ld: vmlinux.o: in function `f':", "ld: kernel/power/main.o:(.text+0x12): undefined reference to `nowhere'"),
    "kernel/power/main.o: undefined reference to `nowhere'",
  );
  t.equal(
    said("make[3]: *** No rule to make target 'kernel/power/none.o', needed by 'kernel/power/built-in.a'.  Stop."),
    'kernel/power/none.o: no rule makes it',
  );
  t.equal(
    said('kernel/power/Makefile:9: *** missing separator.  Stop.'),
    'kernel/power/Makefile, line 9: missing separator',
  );
  t.equal(said('make: *** [Makefile:1921: .] Error 2', 'cc1: out of memory'), undefined, 'nothing is named');
  t.end();
});

t.test('warnings are those of the whole tree, whatever make compiles', (t) => {
  const first = [
    '  CC      kernel/power/main.o',
    '  CC      kernel/power/snapshot.o',
    "kernel/power/snapshot.c: In function 'f':",
    'kernel/power/snapshot.c:1:2: warning: unused',
    'kernel/power/snapshot.c:1:2: warning: unused',
    'In file included from ./include/linux/mm.h:3,',
    '                 from mm/swap.c:17:',
    './include/linux/mmzone.h:9:1: warning: of a header',
    '  CC      mm/swap.o',
    '  AR      mm/built-in.a',
  ];
  const known = warningsAfter({}, first);
  t.same(known, {
    'kernel/power/snapshot': ['kernel/power/snapshot.c:1:2: warning: unused'],
    'mm/swap': ['./include/linux/mmzone.h:9:1: warning: of a header'],
  });
  t.same(warningsIn(known), [
    './include/linux/mmzone.h:9:1: warning: of a header',
    'kernel/power/snapshot.c:1:2: warning: unused',
  ]);
  t.same(warningsAfter(known, ['  CC      kernel/power/main.o']), known, 'what is not compiled keeps them');
  t.same(warningsIn(warningsAfter(known, ['  CC      mm/swap.o'])), ['kernel/power/snapshot.c:1:2: warning: unused']);
  t.same(
    warningsIn(
      warningsAfter(known, ['kernel/power/snapshot.c:2:2: warning: other', '  CC      kernel/power/snapshot.o']),
    ),
    ['./include/linux/mmzone.h:9:1: warning: of a header', 'kernel/power/snapshot.c:2:2: warning: other'],
    'what is compiled has new ones, even if its compiler is heard first',
  );
  const both = { a: ['x.h:1: warning: w'], b: ['x.h:1: warning: w'] };
  t.same(warningsIn(both), ['x.h:1: warning: w'], 'each once');
  t.end();
});
