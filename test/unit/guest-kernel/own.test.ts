// SPDX-License-Identifier: MIT
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readOwnKernel } from '../../../guest-kernel/own.js';

/** The least that a bzImage's header needs: magic, and the pointer to the version's text. */
function bzImage(version: string, xloadflags = 0): Uint8Array {
  const bytes = new Uint8Array(0x1000);
  const view = new DataView(bytes.buffer);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x20e, 0x300, true);
  view.setUint16(0x236, xloadflags, true);
  bytes.set(new TextEncoder().encode(`${version} (somebody@somewhere) #1\0`), 0x500);
  return bytes;
}

t.test('a built tree, and a folder with its files side by side', async (t) => {
  const tree = t.testdir({ arch: { x86: { boot: {} } }, 'System.map': '', '.config': '' });
  writeFileSync(join(tree, 'arch/x86/boot/bzImage'), bzImage('6.12.117-mine'));
  const beside = join(tree, 'copy');
  mkdirSync(beside);
  for (const name of ['System.map', 'config']) writeFileSync(join(beside, name), '');
  writeFileSync(join(beside, 'bzImage'), bzImage('6.12.117-mine'));
  const [inTree, copied] = [await readOwnKernel(tree, 'i386'), await readOwnKernel(beside, 'i386')];
  t.match(inTree, { flavour: 'own', version: '6.12.117-mine', bzImagePath: join(tree, 'arch/x86/boot/bzImage') });
  t.equal(copied.sha256, inTree.sha256);
  t.equal(copied.configPath, join(beside, 'config'));
});

t.test('what is missing is named', async (t) => {
  const dir = t.testdir({ bzImage: '', 'System.map': '' });
  await t.rejects(readOwnKernel(dir, 'i386'), {
    name: 'InputError',
    message: `the kernel folder ${dir} has no .config and no config`,
  });
});

t.test('a file that is no kernel is refused', async (t) => {
  const dir = t.testdir({ bzImage: 'x'.repeat(2000), 'System.map': '', config: '' });
  await t.rejects(readOwnKernel(dir, 'i386'), {
    name: 'InputError',
    message: `${join(dir, 'bzImage')} is no bzImage of Linux`,
  });
});

t.test('a kernel for another architecture is refused', async (t) => {
  const dir = t.testdir({ 'System.map': '', config: '' });
  writeFileSync(join(dir, 'bzImage'), bzImage('6.12.117', 0x7f));
  t.match(await readOwnKernel(dir, 'x86_64'), { version: '6.12.117' });
  await t.rejects(readOwnKernel(dir, 'i386'), {
    name: 'InputError',
    message: `${join(dir, 'bzImage')} is a kernel for x86_64, and the machine has i386`,
    remedy: /make ARCH=i386 bzImage\), or a machine with `arch: x86_64`/,
  });
});
