// SPDX-License-Identifier: MIT
/** Of a kernel whose make was killed, only whole records of commands are kept. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { keepWholeRecords } from '../../../guest-kernel/records.js';

const COMPILED = `savedcmd_fs/one.o := gcc -Wp,-MMD,fs/.one.o.d -c -o fs/one.o fs/one.c

source_fs/one.o := fs/one.c

deps_fs/one.o := \\
    $(wildcard include/config/ONE) \\
  include/linux/one.h \\

fs/one.o: $(deps_fs/one.o)

$(deps_fs/one.o):
`;
const LINKED = 'savedcmd_fs/built-in.a := rm -f fs/built-in.a; ar cDPrST fs/built-in.a fs/one.o\n';

t.test('a record that was torn anywhere is removed, and whole ones stay', async (t) => {
  const tree = t.testdir({ fs: {}, '.config': 'CONFIG_ONE=y' });
  await mkdir(join(tree, 'fs/more'));
  await writeFile(join(tree, 'fs/.one.o.cmd'), COMPILED);
  await writeFile(join(tree, 'fs/.built-in.a.cmd'), LINKED);
  await writeFile(join(tree, 'fs/one.cmd'), 'no record');
  const torn = [...Array(COMPILED.length).keys()].filter((length) => length === 0 || length > 40);
  await Promise.all(
    torn.map((length) => writeFile(join(tree, `fs/more/.torn-${length}.o.cmd`), COMPILED.slice(0, length))),
  );
  await writeFile(join(tree, 'fs/more/.torn.a.cmd'), LINKED.slice(0, -1));
  t.equal(await keepWholeRecords(tree), 2);
  t.same(await readdir(join(tree, 'fs/more')), []);
  t.same((await readdir(join(tree, 'fs'))).sort(), ['.built-in.a.cmd', '.one.o.cmd', 'more', 'one.cmd']);
});
