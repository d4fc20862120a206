// SPDX-License-Identifier: MIT
import t from 'tap';
import type { DiskState, ResumeEvidence } from '../../../emulator/cycle/proofs.js';
import type { DiskWrite } from '../../../emulator/machine/contract.js';
import { MARKER_LAYOUT } from '../../../emulator/machine/markers.js';
import { PAGE_BYTES, SECTOR_BYTES, sector } from '../../../emulator/machine/units.js';
import { volumes } from '../../../emulator/verify/disk/partitions.js';
import { diskSource } from '../../../emulator/verify/disk/verify.js';
import { countsByOwner, createProofs, type CheckResult, type Condition } from '../../../emulator/verify/proofs.js';
import { I386, MACHINES, X86_64, syntheticKernel, type SyntheticMachine } from '../memory/synthetic-kernel.js';
import { imageStream, swapAreaOf } from './synthetic-image.js';

const SWAP_SECTOR = 16;

interface Made {
  readonly evidence: ResumeEvidence;
  readonly systemMap: string;
}

/** A suspend and resume of the synthetic kernel: captures, a disk with its image, and the write logs. */
function make(
  mutate: {
    restored?: (bytes: Uint8Array) => void;
    poweredOff?: readonly DiskWrite[];
    byResume?: readonly DiskWrite[];
    image?: (pages: Map<number, Uint8Array>) => void;
  } = {},
  machine: SyntheticMachine = I386,
): Made {
  const { kernel, restored, places, table, systemMap } = syntheticKernel([], machine);
  const after = restored();
  const pages = new Map<number, Uint8Array>();
  const accountable = (frame: number): boolean => !places.frames.copy.includes(frame) && frame !== places.frames.nosave;
  for (let frame = 1; frame < 4088; frame++) {
    const bytes = after.slice(frame * PAGE_BYTES, (frame + 1) * PAGE_BYTES);
    if (accountable(frame) && !bytes.every((byte) => byte === 0xee)) pages.set(frame, bytes);
  }
  mutate.image?.(pages);
  const ordered = [...pages].sort(([a], [b]) => a - b);
  const stream = imageStream(
    ordered.map(([frame, bytes]) => ({ frame, fill: bytes.some((byte) => byte !== 0) ? 1 : 0 })),
    { wordBytes: machine.wordBytes },
  );
  const data = ordered.filter(([, bytes]) => bytes.some((byte) => byte !== 0)).map(([, bytes]) => bytes);
  stream.splice(stream.length - data.length, data.length, ...data);
  const area = swapAreaOf(stream);

  const base = new Uint8Array(SWAP_SECTOR * SECTOR_BYTES + area.length + 64 * PAGE_BYTES);
  const view = new DataView(base.buffer);
  view.setUint8(446 + 4, 0x82);
  view.setUint32(446 + 8, SWAP_SECTOR, true);
  view.setUint32(446 + 12, base.length / SECTOR_BYTES - SWAP_SECTOR, true);
  view.setUint16(510, 0xaa55, true);
  base.set(new TextEncoder().encode('SWAPSPACE2'), SWAP_SECTOR * SECTOR_BYTES + 4086);
  const before: DiskWrite = { instruction: 10, sector: sector(2), bytes: new Uint8Array(SECTOR_BYTES).fill(1) };
  const image: DiskWrite = { instruction: 100, sector: sector(SWAP_SECTOR), bytes: area };
  const disk: DiskState = { base, overlay: [before, image, ...(mutate.poweredOff ?? [])] };

  // The table lies in a free page, so that putting it there changes nothing that is compared.
  const at = places.frames.free * PAGE_BYTES;
  kernel.memory.bytes.set(table, at);
  mutate.restored?.(after);
  return {
    systemMap,
    evidence: {
      method: 'swsusp',
      stores: [],
      markers: [],
      layout: { kind: MARKER_LAYOUT, word0: at, word1: table.length, instruction: 1, virtualMs: 0 },
      atCopy: { memory: kernel.memory.bytes },
      restored: { memory: after },
      disks: [disk],
      writesWhileFrozen: [[]],
      writesSinceCopy: [[image]],
      writesByResume: [mutate.byResume ?? []],
    },
  };
}

const proofsOf = (
  { systemMap }: Made,
  check: () => Promise<CheckResult | undefined> = async () => undefined,
): ReturnType<typeof createProofs> => createProofs({ systemMap, check });
const write = (at: number, value: number, instruction: number): DiskWrite => ({
  instruction,
  sector: sector(at),
  bytes: new Uint8Array(SECTOR_BYTES).fill(value),
});

for (const machine of MACHINES)
  t.test(`a good cycle has no findings: ${machine.name}`, async (t) => {
    const made = make({}, machine);
    const proofs = proofsOf(made);
    const memory = await proofs.memory(made.evidence);
    t.same(memory.findings, []);
    t.ok(memory.outcome.pagesCompared > 1000);
    t.equal(memory.outcome.pagesByReason['free'], 1536);
    const image = await proofs.image(made.evidence);
    t.same(image.findings, []);
    t.equal(image.outcome.pagesCompared, memory.outcome.pagesCompared);
    const disk = await proofs.disk(made.evidence);
    t.same(disk.findings, []);
    t.match(disk.outcome, { sectorsDiffering: 0, originSectorsWritten: 0 });
  });

t.test('a byte of RAM', async (t) => {
  const { places } = syntheticKernel();
  const made = make({ restored: (bytes) => void (bytes[places.frames.slab * PAGE_BYTES + 65] = 0xaa) });
  const { outcome, findings } = await proofsOf(made).memory(made.evidence);
  t.equal(outcome.pagesDiffering, 1);
  t.match(findings, [
    {
      kind: 'memory',
      what: /^1 of \d+ pages/,
      details: [/^pfn 0x[0-9a-f]+\+0x41: 1 bytes differ, first 00 then aa: slab kmalloc-64, byte 1 of object 1$/],
    },
  ]);
});

t.test('many differences are cut short, with their number', async (t) => {
  const made = make({ restored: (bytes) => bytes.fill(0xaa, 600 * PAGE_BYTES, 699 * PAGE_BYTES) });
  const { findings } = await proofsOf(made).memory(made.evidence);
  t.equal(findings[0]?.details.length, 41);
  t.equal(findings[0]?.details.at(-1), '... and 59 more');
});

t.test('the image on disk', async (t) => {
  const altered = make({ image: (pages) => pages.set(900, new Uint8Array(PAGE_BYTES).fill(9)) });
  t.match((await proofsOf(altered).image(altered.evidence)).findings, [
    { kind: 'image', details: [/^pfn 0x384\+0x0: 4096 bytes differ/] },
  ]);

  const signature = new Uint8Array(SECTOR_BYTES);
  const gone = make({ poweredOff: [{ instruction: 0, sector: sector(SWAP_SECTOR + 7), bytes: signature }] });
  t.match((await proofsOf(gone).image(gone.evidence)).findings, [{ kind: 'image', what: 'no disk holds an image' }]);

  const torn = make({ poweredOff: [write(SWAP_SECTOR + 16, 0x11, 0)] });
  t.match((await proofsOf(torn).image(torn.evidence)).findings, [
    { kind: 'image', what: /^the image cannot be read: / },
  ]);
});

t.test('sectors', async (t) => {
  const whileOff = make({ poweredOff: [write(5, 0x33, 0)] });
  t.match((await proofsOf(whileOff).disk(whileOff.evidence)).findings, [
    { kind: 'disk', details: ['sda: 1 from sector 5: outside of all partitions'] },
  ]);
  const byResume = make({ byResume: [write(6, 0x33, 5)] });
  t.match(await proofsOf(byResume).disk(byResume.evidence), {
    outcome: { sectorsDiffering: 1, originSectorsWritten: 1 },
    findings: [{ kind: 'disk' }],
  });
  const same = make({ byResume: [write(6, 0, 5)] });
  t.match((await proofsOf(same).disk(same.evidence)).findings, [
    {
      kind: 'disk',
      what: /with the content that they had/,
      details: ['sda: 1 from sector 6: outside of all partitions'],
    },
  ]);
  const header = make({ byResume: [write(SWAP_SECTOR + 7, 0x44, 5)] });
  t.same((await proofsOf(header).disk(header.evidence)).findings, [], 'the resuming kernel rewrites the swap header');
});

t.test('the restored system does not write to the store of the live timeline', async (t) => {
  const made = make();
  const partition = volumes(diskSource(made.evidence.disks[0] as DiskState), 'sda')[0]?.device ?? 'none';
  const evidence = { ...made.evidence, cowStore: partition };
  const found = async (at: number) =>
    (await proofsOf(made).disk({ ...evidence, writesSinceRestore: [[write(at, 0x33, 9)]] })).findings;
  t.match(await found(SWAP_SECTOR + 9), [
    {
      kind: 'disk',
      what: /^1 sectors of the COW store were written by the restored system/,
      details: [`${partition}: 1 from sector ${SWAP_SECTOR + 9}`],
    },
  ]);
  t.same(await found(3), [], 'a write elsewhere');
  t.same((await proofsOf(made).disk(evidence)).findings, [], 'nothing is known of later writes');
});

t.test('writes are told apart from those before the copy, also when there are none after it', async (t) => {
  const made = make();
  const [disk] = made.evidence.disks as [DiskState];
  const quiet: DiskState = { base: disk.base, overlay: [disk.overlay[0] as DiskWrite, write(7, 0x55, 0)] };
  const evidence = { ...made.evidence, disks: [quiet], writesSinceCopy: [[]] };
  t.match((await proofsOf(made).disk(evidence)).findings, [
    { details: ['sda: 1 from sector 7: outside of all partitions'] },
  ]);
});

t.test('filesystems', async (t) => {
  const made = make();
  const conditions: Condition[] = [];
  const proofs = createProofs({
    systemMap: made.systemMap,
    check: async (_volume, filesystem, condition) => {
      conditions.push(condition);
      return filesystem === 'swap'
        ? { checker: 'fsck.swap', clean: false, output: ['it is no filesystem'] }
        : undefined;
    },
  });
  const { outcome, findings } = await proofs.filesystems(made.evidence.disks, 'shutdown');
  t.same(outcome, [{ at: 'shutdown', device: 'sda1', filesystem: 'swap', clean: false }]);
  t.match(findings, [
    {
      kind: 'filesystem',
      what: 'fsck.swap finds fault with sda1 (swap) at shutdown',
      details: ['it is no filesystem'],
    },
  ]);
  await proofs.filesystems(made.evidence.disks, 'suspend');
  await proofs.filesystems(made.evidence.disks, 'suspend', true);
  t.same(conditions, ['left', 'inUse', 'frozen']);
});

t.test('console and symbols', async (t) => {
  const proofs = proofsOf(make());
  t.match(proofs.console(new TextEncoder().encode('[    1.000000] kernel BUG at mm/slub.c:1!\r\n')), [
    { kind: 'kernelFault', what: 'bug: kernel BUG at mm/slub.c:1!' },
  ]);
  t.same(proofs.console(new TextEncoder().encode('[    1.000000] all is well\r\n')), []);
  t.equal(proofs.addressOf('jiffies'), 0x114100);
  t.equal(proofsOf(make({}, X86_64)).addressOf('jiffies'), syntheticKernel([], X86_64).places.symbol('jiffies'));
  t.throws(() => proofs.addressOf('no_such_thing'), { name: 'InputError' });
});

t.test('symbols of a kernel that has moved', (t) => {
  const systemMap = [
    '0000000001000000 A phys_startup_64',
    'ffffffff81000000 T startup_64',
    'ffffffff81000000 T _text',
    'ffffffff81300000 D jiffies',
    'ffffffff81400000 d rig_layout',
    '',
  ].join('\n');
  const { addressOf } = createProofs({ systemMap, check: async () => undefined });
  const layout = (word0: number, word1: number) => ({
    kind: MARKER_LAYOUT,
    word0,
    word1,
    instruction: 1,
    virtualMs: 0,
  });
  t.equal(addressOf('jiffies'), 0x1300000);
  t.equal(addressOf('jiffies', layout(0x1400000, 0x3000)), 0x1300000);
  t.equal(addressOf('jiffies', layout(0x2c400000, 0x3000)), 0x2c300000);
  t.equal(addressOf('jiffies', layout(0x2c400000, 0x10000 * 2 + 0x3000)), 0x2_2c30_0000, 'above 4 GiB');
  t.end();
});

t.test('a kernel without markers cannot be proved', async (t) => {
  const made = make();
  const silent = { ...made.evidence, layout: undefined };
  await t.rejects(proofsOf(made).memory(silent), { name: 'RigError', message: /layout table/ });
});

t.test('whose pages differ, in few words', (t) => {
  t.same(
    countsByOwner([
      'sh (pid 41) at 0x0804a010',
      'slab kmalloc-64, byte 12 of object 3',
      'page table of sh (pid 41) for 0x0804a000, entry 3',
      'slab kmalloc-64, byte 1 of object 1',
      'init_task+0x1c',
      'vmalloc 0xf7c01000',
    ]),
    [
      ['slab kmalloc-64', 2],
      ['sh (pid 41)', 1],
      ['page table of sh (pid 41)', 1],
      ['init_task', 1],
      ['vmalloc', 1],
    ],
  );
  t.end();
});
