// SPDX-License-Identifier: MIT
/** What tests of commits share: the beginnings of their scenarios. */
import { packagePath } from '../../emulator/host/node/paths.js';

const filesOf = (...names: readonly [name: string, mode: string][]): string =>
  names
    .map(
      ([name, mode]) =>
        `  - { from: ${packagePath('test', 'scenarios', 'programs', name)}, to: /usr/local/bin/${name}, mode: '${mode}' }`,
    )
    .join('\n');

/** Up to a mounted filesystem with a file for `commit.sh`. */
export const commitBegins = `name: commit
disks: [root, filesystems]
control: false
files:
${filesOf(['commit.sh', '0755'], ['on-disk.sh', '0644'])}
steps:
  - boot
  - run: mkdir -p /mnt/ext4 && mount -t ext4 /dev/sdb4 /mnt/ext4 && head -c 4M /dev/zero > /mnt/ext4/file && sync`;

/** Up to a filesystem with what `commit-cut.sh` needs, on a machine whose boot completes commits. */
export const commitCutBegins = `name: commit, power cut
machine: { cmdline: rig.store=/dev/sdb1 }
disks: [root, filesystems]
control: false
files:
${filesOf(['commit-cut.sh', '0755'])}
steps:
  - boot
  - run: commit-cut.sh begin`;

/** From a live timeline that is being committed to a boot that completes it, with two losses of power between. */
export const commitCutSteps = (indent: string): string =>
  [
    'run: { timeout: 60 s, command: snapctl take -c /dev/sdb1 commit-cut.sh live 0.02 0.4, stdout: being merged }',
    'cutPower',
    'boot: { faults: [{ cutPower: { write: 0, disk: 1, sectors: 1 } }] }',
    'boot',
    "run: { timeout: 60 s, command: commit-cut.sh check, stdout: '[1-9]\\d* blocks synced' }",
  ]
    .map((step) => `${indent}- ${step}`)
    .join('\n');
