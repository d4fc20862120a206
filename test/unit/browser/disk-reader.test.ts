// SPDX-License-Identifier: MIT
/** What the disk map can tell of sectors. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { ResumeEvidence } from '../../../emulator/cycle/proofs.js';
import { createDiskReader } from '../../../emulator/host/browser/session/disk-reader.js';
import type { DiskWrite } from '../../../emulator/machine/contract.js';
import { SECTOR_BYTES, sector } from '../../../emulator/machine/units.js';
import { missingPrerequisites } from '../../../tools/prerequisites.js';

const isMissing = missingPrerequisites('checks').some(({ debianPackage }) => debianPackage === 'e2fsprogs');
const TEXT = 'a text to be found\n';

t.test('whose a sector is, and what differs', { skip: isMissing && 'e2fsprogs is not installed' }, async (t) => {
  const dir = t.testdir();
  const [tree, path] = [join(dir, 'tree'), join(dir, 'disk.img')];
  mkdirSync(tree);
  writeFileSync(join(tree, 'found'), TEXT);
  writeFileSync(join(tree, 'snapshot'), Buffer.alloc(600, 'image'));
  writeFileSync(path, new Uint8Array(4 << 20));
  const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  execFileSync('mkfs.ext4', ['-q', '-F', '-b', '4096', '-d', tree, path], { env: { ...process.env, PATH } });
  const base = new Uint8Array(readFileSync(path));
  const at = Buffer.from(base).indexOf(TEXT) / SECTOR_BYTES;
  const imageAt = Buffer.from(base).indexOf('imageimage') / SECTOR_BYTES;
  const write = (instruction: number, to: number, text: string): DiskWrite => ({
    instruction,
    sector: sector(to),
    bytes: new Uint8Array(Buffer.alloc(SECTOR_BYTES, text)),
  });
  const free = base.length / SECTOR_BYTES - 1;
  const before = write(10, free, 'before');
  const altered = write(0, at, 'altered');
  const [disk, swap] = [{ base }, { base: new Uint8Array(SECTOR_BYTES) }];
  const evidence = {
    method: 'sys_snapshot',
    stores: ['sdb1'],
    disks: [
      { base, overlay: [before, altered] },
      { ...swap, overlay: [] },
    ],
    writesSinceCopy: [[], []],
    writesByResume: [[], []],
    writesWhileFrozen: [[], []],
  } as unknown as ResumeEvidence;

  const reader = createDiskReader([disk, swap]);
  t.match(reader.sector('sda', at), { disk: 'sda', sector: at, owner: 'sda: ext4: /found, byte 0', later: undefined });
  t.match(Buffer.from(reader.sector('sda', at)?.bytes ?? []).toString(), TEXT);
  t.equal(reader.sector('sdb', 0)?.owner, 'sdb: no known filesystem, byte 0');
  t.equal(reader.sector('sda', base.length / SECTOR_BYTES), undefined, 'behind the end');
  t.equal(reader.sector('sda', -1), undefined);
  t.equal(reader.sector('sdc', 0), undefined);

  t.same(reader.prove(evidence, false).differences, [], 'nothing is compared if nothing differs');
  t.same(reader.prove(evidence, true), {
    image: [],
    differences: [{ disk: 'sda', startSector: at, sectors: 1, owner: 'sda: ext4: /found, byte 0' }],
  });
  const kept = { ...evidence, stores: ['sda'] };
  t.same(reader.prove(kept, false).image, [{ disk: 'sda', startSector: imageAt, sectors: 2 }], 'where the image lies');
  t.same(reader.prove({ ...kept, committed: true }, false).image, [], 'which a commit makes none');
  t.same(
    reader.prove({ ...kept, rolledBack: true }, false).image,
    [],
    'after a rollback it is that of an earlier suspend',
  );
  const shown = reader.sector('sda', at);
  t.match(shown, { owner: 'sda: ext4: /found, byte 0', laterOwner: undefined });
  t.match(Buffer.from(shown?.bytes ?? []).toString(), TEXT);
  t.match(Buffer.from(shown?.later ?? []).toString(), /^altered/, 'its bytes then and now');
  t.match(Buffer.from(reader.sector('sda', free)?.bytes ?? []).toString(), /^before/, 'as it was at the copy');
  t.equal(reader.sector('sda', free)?.later, undefined);
});
