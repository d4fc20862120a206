// SPDX-License-Identifier: MIT
/**
 * The programs and files that Snapback needs on the host, their purposes, and the Debian packages that contain them.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { QEMU_PROGRAM } from '../emulator/engines/qemu/command-line.js';
import { QEMU_PACKAGE } from '../emulator/engines/qemu/host-node/install.js';
import { RigError } from '../emulator/machine/errors.js';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { command, searchPath } from '../emulator/host/node/process.js';

/**
 * The purpose of a prerequisite. Every run needs `machine`; `qemu` and the ones after it are only for what they name.
 */
export const PURPOSES = [
  'machine',
  'kernel',
  'userspace',
  'disks',
  'checks',
  'qemu',
  'patches',
  'browser',
  'browsers',
  'terminal',
  'reports',
  'bench',
] as const;
export type Purpose = (typeof PURPOSES)[number];

/** Descriptions of the purposes, for people. */
export const PURPOSE_NAMES: Readonly<Record<Purpose, string>> = {
  machine: 'running a machine',
  kernel: 'building the guest kernel',
  userspace: "building the guest's own programs",
  disks: 'building disk images',
  checks: 'checking filesystems on disk images',
  qemu: 'running a machine in QEMU (`engine: qemu`)',
  patches: 'looking at patches (`snapback validate`)',
  browser: 'the browser tests',
  browsers: 'the page in several browsers (`npm run soak -- browsers`)',
  terminal: 'the tests at a terminal',
  reports: 'the tests that read reports back',
  bench: 'the benchmark against QEMU',
};

export interface Prerequisite {
  /** A program to be found in the PATH, or an absolute path of a file. */
  readonly needs: string;
  /** The Debian package that contains it. */
  readonly debianPackage: string;
  readonly purposes: readonly Purpose[];
}

const need = (
  debianPackage: string,
  purposes: readonly Purpose[],
  ...needs: readonly string[]
): readonly Prerequisite[] => needs.map((one) => ({ needs: one, debianPackage, purposes }));

export const PREREQUISITES: readonly Prerequisite[] = [
  ...need('seabios', ['machine'], '/usr/share/seabios/bios.bin', '/usr/share/seabios/vgabios-stdvga.bin'),
  ...need('apt', ['kernel', 'userspace', 'disks'], 'apt-get', '/usr/lib/apt/apt-helper'),
  ...need('ca-certificates', ['kernel', 'userspace', 'disks'], '/etc/ssl/certs/ca-certificates.crt'),
  ...need('dpkg', ['kernel', 'userspace', 'disks'], 'dpkg-deb'),
  ...need('gcc', ['kernel', 'disks'], 'gcc', 'cc'),
  ...need('libc6-dev', ['kernel', 'disks'], '/usr/include/stdio.h'),
  ...need('binutils', ['kernel'], 'ld', 'objcopy'),
  ...need('make', ['kernel'], 'make'),
  ...need('flex', ['kernel'], 'flex'),
  ...need('bison', ['kernel'], 'bison'),
  ...need('bc', ['kernel'], 'bc'),
  ...need('perl-base', ['kernel'], 'perl'),
  ...need('git', ['kernel'], 'git'),
  ...need('patch', ['kernel'], 'patch'),
  ...need('tar', ['kernel'], 'tar'),
  ...need('xz-utils', ['kernel'], 'xz'),
  ...need('lz4', ['kernel'], 'lz4'),
  ...need('libelf-dev', ['kernel'], '/usr/include/libelf.h'),
  ...need('libssl-dev', ['kernel'], '/usr/include/openssl/opensslv.h'),
  ...need('gcc-i686-linux-gnu', ['userspace'], 'i686-linux-gnu-gcc'),
  ...need('libc6-dev-i386-cross', ['userspace'], '/usr/i686-linux-gnu/lib/libc.a'),
  ...(process.arch === 'x64'
    ? [
        ...need('gcc', ['userspace'], 'x86_64-linux-gnu-gcc'),
        ...need('libc6-dev', ['userspace'], '/usr/lib/x86_64-linux-gnu/libc.a'),
      ]
    : [
        ...need('gcc-x86-64-linux-gnu', ['userspace'], 'x86_64-linux-gnu-gcc'),
        ...need('libc6-dev-amd64-cross', ['userspace'], '/usr/x86_64-linux-gnu/lib/libc.a'),
      ]),
  ...need('e2fsprogs', ['disks', 'checks'], 'mke2fs', 'debugfs', 'e2fsck'),
  ...need('fdisk', ['disks'], 'sfdisk'),
  ...need('util-linux', ['disks'], 'mkswap'),
  ...need('util-linux', ['kernel', 'disks'], 'flock'),
  ...need('xfsprogs', ['disks', 'checks'], 'mkfs.xfs', 'xfs_db', 'xfs_repair'),
  ...need('btrfs-progs', ['disks', 'checks'], 'mkfs.btrfs', 'btrfs'),
  ...need('f2fs-tools', ['disks', 'checks'], 'mkfs.f2fs', 'sload.f2fs', 'fsck.f2fs', 'dump.f2fs'),
  ...need('dosfstools', ['disks', 'checks'], 'mkfs.fat', 'fsck.fat'),
  ...need('mtools', ['disks'], 'mcopy', 'mmd'),
  ...need('sparse', ['patches'], 'sparse'),
  ...need('chromium', ['browser', 'browsers'], 'chromium'),
  ...need('firefox-esr', ['browsers'], 'firefox-esr'),
  ...need('bsdutils', ['terminal'], 'script'),
  ...need('python3', ['reports'], 'python3'),
  ...need(QEMU_PACKAGE, ['qemu'], QEMU_PROGRAM),
  ...need(QEMU_PACKAGE, ['bench'], 'qemu-system-i386'),
];

/** Everything that these purposes need and the host lacks, in the order of the table. */
export function missingPrerequisites(...purposes: readonly Purpose[]): readonly Prerequisite[] {
  return PREREQUISITES.filter(
    (one) => one.purposes.some((purpose) => purposes.includes(purpose)) && !isPresent(one.needs),
  );
}

/** The one command that installs what is missing. */
export function installCommand(missing: readonly Prerequisite[]): string {
  return `apt-get install -y --no-install-recommends ${packagesOf(missing).join(' ')}`;
}

/**
 * Installs what is missing for these purposes, if it needs no question to the user: as root, or by a sudo that asks for
 * no password.
 * @throws RigError with the command to type when the user has to install it, or when apt fails.
 */
export async function installPrerequisites(purposes: readonly Purpose[], context: BuildContext): Promise<void> {
  const missing = missingPrerequisites(...purposes);
  if (missing.length === 0) return;
  const wanted = packagesOf(missing);
  const prefix = await privilege();
  if (prefix === undefined) {
    throw new RigError(
      `missing for ${purposes.map((one) => PURPOSE_NAMES[one]).join(', ')}: ${missing.map(({ needs }) => needs).join(', ')}`,
      {
        remedy: `sudo ${installCommand(missing)}`,
      },
    );
  }
  const apt = (...args: readonly string[]): Promise<unknown> => {
    const [program = 'env', ...before] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get'];
    return command(program, [...before, ...args], context, {
      remedy: `see what it says, then try: sudo ${installCommand(missing)}`,
      onLine: (line) => {
        const step = /^(?:Get:\d+|Unpacking|Setting up) /.test(line);
        if (step) context.progress(`installing Debian packages: ${wanted.join(' ')}`);
      },
    });
  };
  const install = (): Promise<unknown> => apt('install', '-y', '--no-install-recommends', ...wanted);
  context.progress(`installing Debian packages: ${wanted.join(' ')}`);
  try {
    await install();
  } catch {
    context.signal.throwIfAborted();
    // The package lists can be missing (on a fresh machine), or name versions that no longer exist.
    context.progress('fetching the package lists of apt');
    // If a suite is just being renewed, this fails, but the installation may still succeed.
    await apt('update').catch(() => context.signal.throwIfAborted());
    context.progress(`installing Debian packages: ${wanted.join(' ')}`);
    await install();
  }
  const still = missingPrerequisites(...purposes);
  if (still.length > 0)
    throw new RigError(`still missing after the installation: ${still.map(({ needs }) => needs).join(', ')}`, {
      remedy: installCommand(still),
    });
}

function packagesOf(missing: readonly Prerequisite[]): readonly string[] {
  return [...new Set(missing.map(({ debianPackage }) => debianPackage))].sort();
}

function isPresent(needs: string): boolean {
  if (needs.startsWith('/')) return isReadable(needs, constants.R_OK);
  return searchPath()
    .split(delimiter)
    .some((dir) => dir !== '' && isReadable(join(dir, needs), constants.X_OK));
}

function isReadable(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** Prefix of a command that needs root: empty for root, sudo when it asks for no password, else undefined. */
async function privilege(): Promise<readonly string[] | undefined> {
  if (process.getuid?.() === 0) return [];
  const works = await new Promise<boolean>((resolve) => {
    const child = spawn('sudo', ['-n', 'true'], { stdio: 'ignore' });
    child.on('error', () => resolve(false));
    child.on('close', (status) => resolve(status === 0));
  });
  return works ? ['sudo', '-n'] : undefined;
}
