// SPDX-License-Identifier: MIT
import { test } from 'tap';
import { kernelVersion, parsePrintUris } from '../../../guest-kernel/source.js';

const sha256 = 'e849faf31ca3555757f3a8877cb01af92122f744f75d1f3102734651c4e14703';
const uri = `'http://mirror.invalid/pool/linux-source-6.12_6.12.117-1%7edeb12u1_all.deb' linux-source-6.12_6.12.117-1~deb12u1_all.deb 153476148 SHA256:${sha256}\n`;

test("apt's answer names version, file and checksum", async (t) => {
  t.same(parsePrintUris(uri), {
    package: 'linux-source-6.12',
    version: '6.12.117-1~deb12u1',
    uri: 'http://mirror.invalid/pool/linux-source-6.12_6.12.117-1%7edeb12u1_all.deb',
    file: 'linux-source-6.12_6.12.117-1~deb12u1_all.deb',
    sha256,
  });
  t.equal(kernelVersion('6.12.117-1~deb12u1'), '6.12.117');
});

test('an answer without a checksum, of another package, or none, is refused', async (t) => {
  for (const answer of [
    '',
    uri.replace('SHA256:', 'MD5Sum:'),
    uri.replaceAll('linux-source-6.12_', 'linux-source-6.1_'),
    uri.replace(sha256, 'abc'),
  ]) {
    t.throws(() => parsePrintUris(answer), { name: 'RigError' }, answer.slice(0, 40));
  }
});
