// SPDX-License-Identifier: MIT
/**
 * More scenarios in QEMU, with the x86_64 kernel on two processors: power cycles and what a replay compares, and a snapshot of native and
 * 32-bit programs. `npm run soak -- --engine qemu` runs all the others, and the broken kernels.
 */
import t from 'tap';
import { reportIn, snapback } from '../e2e/cycle-support.js';
import { pass } from '../e2e/qemu-support.js';

const SCENARIO = `name: commands on two processors
machine: { engine: qemu, arch: x86_64, processors: 2, memory: 1 GiB }
control: false
files: [{ from: ./data, to: /root/data }]
steps:
  - boot
  - run: { command: uname -m && nproc, stdout: '^x86_64\\n2\\n$' }
  - run: { command: cat /root/data, stdout: ^kept$ }
  # Ready without a wait: programs such as mkfs want random numbers.
  - run: { command: timeout 5 head -c 16 /dev/random | wc -c, stdout: ^16$ }
  - run: echo written > /root/new && sync
  - shutdown
  - boot
  - run: { command: cat /root/data /root/new, stdout: '^kept\\nwritten\\n$' }
  - shutdown
`;

/** The numbers that the classes of ELF files have. */
const [ELF_32, ELF_64] = [1, 2];
const PROGRAMS = ['/sbin/init', '/usr/bin/snapctl', '/usr/bin/bash', '/opt/i386/bin/snapctl'];
/** Address space, registers, thread-local storage, frames of signals, tracing, system calls with structures of their own. */
const CHECKS_32 = [
  ...['anon-memory', 'anon-forked', 'descriptors', 'epoll', 'fpu', 'futex', 'io-uring', 'live-mremap', 'memory-map'],
  ...[
    'process-image',
    'ptrace',
    'seccomp',
    'signal-handlers',
    'signals-pending',
    'sysv-shm',
    'thread-local',
    'vfork-parent',
  ],
];
const BOTH_WORDS = `name: native and 32-bit programs
machine: { engine: qemu, arch: x86_64, processors: 2, memory: 640 MiB }
control: false
steps:
  - boot
  - run:
      command: for file in ${PROGRAMS.join(' ')}; do od -An -j4 -N1 -td1 $file; done
      stdout: '^\\s*${[ELF_64, ELF_64, ELF_64, ELF_32].join('\\s+')}$'
  - run: find /etc -type f -exec md5sum {} + > /run/sums
  - selfcheck: start
  # 32-bit programs go through the same suspend: those whose state the kernel keeps in another way than that of 64-bit ones.
  - run: /opt/i386/bin/selfcheck start --state /run/compat --dir /var/tmp/compat ${CHECKS_32.join(' ')}
  - suspend: { method: sys_snapshot, offTime: 1 h, compress: false }
  - resume
  - verify
  - run: md5sum -c --quiet /run/sums
  - selfcheck: verify
  - run: /opt/i386/bin/selfcheck verify --off-ms 3600000 --tolerance-ms 60000 --state /run/compat --dir /var/tmp/compat
  - shutdown
`;

t.test('commands, files and power cycles', async (t) => {
  const { json, stdout } = await pass(t, SCENARIO, { data: 'kept\n' });
  t.match(stdout, /release · qemu x86_64 · 2 processors · 1024 MiB/);
  t.notMatch(stdout, /instructions/);
  const report = await reportIn(json);
  t.match(report.machine, { engine: 'qemu', arch: 'x86_64', processors: 2, deterministic: false });
  t.ok(report.filesystems.length > 0 && report.filesystems.every(({ clean }) => clean));
  const again = await snapback(['replay', json]);
  t.equal(again.status, 0, again.stdout + again.stderr);
  t.match(again.stdout, /the same verdict; the states were not compared, because the engine qemu is not deterministic/);
});

t.test('native and 32-bit programs go through a snapshot', async (t) => {
  const { json } = await pass(t, BOTH_WORDS);
  const { perCycle, disk, selfChecks } = await reportIn(json);
  t.ok(selfChecks.passed > 80 && selfChecks.failed === 0, `${selfChecks.passed} self-checks of native programs`);
  t.equal(perCycle.length, 1);
  for (const { memory, image } of perCycle) {
    t.ok(memory && memory.pagesCompared > 1000);
    t.equal(memory?.pagesDiffering, 0);
    t.equal(image?.pagesDiffering, 0);
  }
  t.equal(disk.originSectorsWritten, 0);
});
