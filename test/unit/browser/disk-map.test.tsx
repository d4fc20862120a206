// SPDX-License-Identifier: MIT
/** The disk map: what is known of the disks, who has written where, and the picture of that. */
import { renderToString } from 'preact-render-to-string';
import t from 'tap';
import type { MachineShown } from '../../../emulator/cycle/machines.js';
import type { WriteShown } from '../../../emulator/machine/contract.js';
import type { Step } from '../../../emulator/cycle/plan.js';
import type { SectorShown } from '../../../emulator/host/browser/session/disk-reader.js';
import { disksOf, type DiskShown } from '../../../emulator/host/browser/session/disks.js';
import {
  countsOf,
  placeText,
  redirectedNow,
  sectorAt,
  stripPicture,
  stripsNow,
  stripsOf,
  WRITER_COLOURS,
  WRITERS,
  type Strip,
} from '../../../emulator/host/browser/views/disk-map-model.js';
import { pagePainter } from '../../../emulator/host/browser/views/painter.js';
import { rgbaOf } from '../../../emulator/host/browser/views/picture.js';
import { DiskMap } from '../../../emulator/host/browser/views/disk-map.js';
import { stepEnd } from '../../../emulator/machine/markers.js';

/** Volumes of 1 MiB, one after the other, from sector 2048 on. */
const VOLUME_SECTORS = 2048;

/** A disk with an MBR. Each volume has these bytes at an offset. */
function partitioned(volumes: readonly (readonly [offsetBytes: number, text: string] | undefined)[]): Uint8Array {
  const disk = new Uint8Array((volumes.length + 1) * VOLUME_SECTORS * 512);
  const data = new DataView(disk.buffer);
  data.setUint16(510, 0xaa55, true);
  for (const [index, magic] of volumes.entries()) {
    const startSector = (index + 1) * VOLUME_SECTORS;
    data.setUint8(446 + 16 * index + 4, 0x83);
    data.setUint32(446 + 16 * index + 8, startSector, true);
    data.setUint32(446 + 16 * index + 12, VOLUME_SECTORS, true);
    if (magic) disk.set(new TextEncoder().encode(magic[1]), startSector * 512 + magic[0]);
  }
  return disk;
}

const XFS = [0, 'XFSB'] as const;
const SWAP = [4086, 'SWAPSPACE2'] as const;
const suspend = (more: object = {}): Step => ({
  do: 'suspend',
  method: 'sys_snapshot',
  offMs: 0,
  whileSaving: [],
  faults: [],
  ...more,
});
const DISKS = [{ base: partitioned([XFS]) }, { base: partitioned([undefined, SWAP, XFS, XFS]) }];
const shown = (...steps: readonly Step[]): readonly DiskShown[] => disksOf(DISKS, { steps });
const roles = (disks: readonly DiskShown[]): readonly (readonly (string | undefined)[])[] =>
  disks.map(({ volumes }) => volumes.map(({ role }) => role));

t.test('what the volumes of a run are for', async (t) => {
  const disks = shown({ do: 'repeat', times: 2, steps: [suspend()] });
  t.same(
    disks.map(({ device, sectors, volumes }) => [
      device,
      sectors,
      volumes.map(({ device, startSector }) => [device, startSector]),
    ]),
    [
      ['sda', 4096, [['sda1', 2048]]],
      [
        'sdb',
        10240,
        [
          ['sdb1', 2048],
          ['sdb2', 4096],
          ['sdb3', 6144],
          ['sdb4', 8192],
        ],
      ],
    ],
  );
  t.same(roles(disks), [['origin'], ['COW store', 'swap', 'image store', 'origin']]);
  t.same(roles(shown(suspend({ store: 'memory', mayWrite: ['sdb4'] }))), [
    ['origin'],
    [undefined, 'swap', 'image store', undefined],
  ]);
  t.same(roles(shown(suspend({ method: 'swsusp' }))), [['origin'], [undefined, 'swap', 'origin', 'origin']]);
});

const marker = { word0: 0, word1: 0, virtualMs: 1 };
const write = (instruction: number, sector: number, count: number): WriteShown => ({ instruction, sector, count });
const machine = (
  number: number,
  end: number,
  sda: readonly WriteShown[],
  sdb: readonly WriteShown[],
): MachineShown => ({
  number,
  startVirtualMs: 0,
  virtualMs: 9,
  instructions: 0,
  markers: [{ ...marker, kind: end, instruction: 100 }],
  writes: [sda, sdb],
});
/** The snapshot of the first machine and the restore of the second one are at instruction 100. */
const MACHINES = [
  machine(
    1,
    stepEnd('copy'),
    [write(50, 2048, 300), write(99, 0, 8)],
    [write(120, 2048 + 128, 1), write(130, 4090, 12)],
  ),
  machine(2, stepEnd('restore'), [write(100, 2048 + 10, 4)], [write(20, 6144 + 2047, 1), write(10, 6144, 256)]),
];
const found = (strips: readonly Strip[], device: string): Strip => {
  const strip = strips.find(({ volume }) => volume.device === device);
  if (!strip) throw new Error(`no strip of ${device}`);
  return strip;
};
const kinds = ({ pixels }: Strip): string => Array.from(pixels, (number) => WRITERS[number]).join(' ');

t.test('each sector shows who has written to it last', async (t) => {
  const disks = shown(suspend());
  const strips = stripsOf(disks, MACHINES);
  t.same(
    strips.map(({ volume, last, pixels }) => [volume.device, last.length, pixels.length]),
    ['sda1', 'sdb1', 'sdb2', 'sdb3', 'sdb4'].map((device) => [device, 2048, 16]),
  );
  const none = (count: number): string => Array.from({ length: count }, () => 'none').join(' ');
  t.equal(kinds(found(strips, 'sda1')), `restored run run ${none(13)}`);
  t.equal(kinds(found(strips, 'sdb1')), `none live ${none(13)} live`, 'a write may reach two volumes');
  t.equal(kinds(found(strips, 'sdb2')), `live ${none(15)}`);
  t.equal(kinds(found(strips, 'sdb3')), `boot boot ${none(13)} boot`);
  t.equal(kinds(found(strips, 'sdb4')), none(16));
  t.same(
    countsOf(strips.map(({ last }) => last)).map(({ kind, count }) => [kind, count]),
    [
      ['none', 5 * 2048 - 300 - 1 - 12 - 257],
      ['run', 296],
      ['live', 13],
      ['boot', 257],
      ['restored', 4],
    ],
  );
  t.equal(stripsOf(disks, MACHINES), strips, 'made once for the same disks and machines');
  const proved = { differences: [{ disk: 'sdb', startSector: 6144 + 130, sectors: 3, owner: 'sdb3: xfs' }] };
  const differing = stripsOf(disks, MACHINES, proved);
  t.equal(kinds(found(differing, 'sdb3')), `boot differing ${none(13)} boot`, 'whoever has written there');
  t.same(
    countsOf(differing.map(({ last }) => last)).flatMap(({ kind, count }) =>
      kind === 'boot' || kind === 'differing' ? [[kind, count]] : [],
    ),
    [
      ['boot', 254],
      ['differing', 3],
    ],
  );
  t.equal(stripsOf(disks, MACHINES, proved), differing);
  t.same(stripsOf([], MACHINES), []);
  t.equal(new Set(Object.values(WRITER_COLOURS)).size, WRITERS.length, 'each has a colour of its own');
});

t.test('the image lies over what has saved it, and under what is written later', async (t) => {
  const disks = shown(suspend());
  const later = machine(2, stepEnd('restore'), [], [write(20, 6144, 256), write(100, 6144 + 8, 4)]);
  const machines = [MACHINES[0] as MachineShown, later];
  const image = {
    machine: 2,
    instruction: 100,
    ranges: [
      { disk: 'sdb', startSector: 6144, sectors: 16 },
      { disk: 'sdb', startSector: 6144 + 512, sectors: 1 },
      { disk: 'sda', startSector: 0, sectors: 1 },
    ],
  };
  const strips = stripsOf(disks, machines, { differences: [], image });
  t.equal(kinds(found(strips, 'sdb3')).split(' ').slice(0, 5).join(' '), 'restored boot none none image');
  t.equal(
    placeText({ disk: 'sdb', sector: 6144 }, strips),
    'sdb3, image store, xfs, sectors 6144 to 6271: 12 of the image, 4 written by the restored timeline, 112 written by a new machine',
  );
  t.same(
    countsOf(strips.map(({ last }) => last))
      .filter(({ kind }) => kind === 'image')
      .map(({ name, count }) => [name, count]),
    [['of the image', 13]],
  );
  const [before] = machines;
  const without = stripsOf(disks, before ? [before] : [], { differences: [], image });
  t.equal(kinds(found(without, 'sdb3')), kinds(found(stripsOf(disks, [MACHINES[0] as MachineShown]), 'sdb3')));
  const quiet = [machine(2, stepEnd('restore'), [], [])];
  const only = stripsOf(disks, quiet, { differences: [], image });
  t.equal(
    placeText({ disk: 'sdb', sector: 6144 + 512 }, only),
    'sdb3, image store, xfs, sectors 6656 to 6783: 1 of the image, 127 not written',
  );
  const differences = [{ disk: 'sdb', startSector: 6144, sectors: 1, owner: 'sdb3: xfs' }];
  t.match(
    placeText({ disk: 'sdb', sector: 6144 }, stripsOf(disks, quiet, { differences, image })),
    ': 1 differing at the resume, 15 of the image, ',
    'what differs is over it',
  );
});

t.test('what the live timeline has redirected', async (t) => {
  const disks = shown(suspend());
  const [first, second] = MACHINES;
  if (!first || !second) throw new Error('there are two machines');
  const redirected = { machine: 1, ranges: [{ disk: 'sda', startSector: 2048 + 298, sectors: 4 }] };
  const now = redirectedNow(redirected, [first], undefined);
  t.equal(now, redirected.ranges);
  const strips = stripsOf(disks, [first], { differences: [], redirected: now });
  t.equal(
    placeText({ disk: 'sda', sector: 2048 + 256 }, strips),
    'sda1, origin, xfs, sectors 2304 to 2431: 4 redirected: the data of the live timeline are in the store, 42 written until the snapshot, 82 not written',
  );
  t.match(kinds(found(strips, 'sda1')), /^run run redirected none /);
  t.same(
    countsOf(strips.map(({ last }) => last)).flatMap(({ kind, count }) => (kind === 'redirected' ? [count] : [])),
    [4],
  );
  const differences = [{ disk: 'sda', startSector: 2048 + 299, sectors: 1, owner: 'sda1: xfs' }];
  t.match(
    placeText({ disk: 'sda', sector: 2048 + 256 }, stripsOf(disks, [first], { differences, redirected: now })),
    ': 1 differing at the resume, 3 redirected: ',
  );
  t.match(kinds(found(stripsOf(disks, [first], { differences: [] }), 'sda1')), /^run run run none /, 'made anew');

  const none = redirectedNow(redirected, MACHINES, undefined);
  t.same(none, [], 'none in another machine');
  t.equal(redirectedNow(undefined, [first], undefined), none);
  t.equal(redirectedNow(redirected, [first], first), redirected.ranges, 'while the live timeline goes on');
  t.equal(redirectedNow(redirected, [first], second), none, 'none once another machine runs');
  const back = { ...first, markers: [...first.markers, { ...marker, kind: stepEnd('restore'), instruction: 200 }] };
  t.equal(redirectedNow(redirected, [back], undefined), none, 'none after a rollback');
  t.equal(redirectedNow(redirected, [{ ...first, markers: [] }], undefined), none);
});

t.test('what a machine writes while it runs', async (t) => {
  const disks = shown(suspend());
  const image = { machine: 2, instruction: 100, ranges: [{ disk: 'sdb', startSector: 6144, sectors: 16 }] };
  const differences = [{ disk: 'sdb', startSector: 6144 + 4, sectors: 2, owner: 'sdb3: xfs' }];
  const before = stripsOf(disks, MACHINES, { differences, image });
  t.equal(stripsNow(disks, before, undefined), before);
  const running = machine(2, stepEnd('restore'), [], [write(300, 6144, 8), write(310, 2048 + 512, 1)]);
  const strips = stripsNow(disks, before, running);
  t.match(
    placeText({ disk: 'sdb', sector: 6144 }, strips),
    ': 2 differing at the resume, 8 of the image, 6 written by the restored timeline, 112 written by a new machine',
    'no part of the image any more, but what differs stays',
  );
  t.equal(kinds(found(strips, 'sdb1')), `none live none none restored ${'none '.repeat(10)}live`);
  t.equal(found(strips, 'sdb3').pixels[0], WRITERS.indexOf('differing'));
  t.equal(
    placeText({ disk: 'sdb', sector: 2048 + 512 }, before),
    'sdb1, COW store, sectors 2560 to 2687: 128 not written',
    'the strips before are as they were',
  );
  t.equal(stripsNow(disks, before, running), strips, 'made once for the same machine');
  const first = { ...machine(3, stepEnd('copy'), [], [write(50, 8192, 1)]), markers: [] };
  t.equal(
    kinds(found(stripsNow(disks, before, first), 'sdb4')).split(' ')[0],
    'boot',
    'of a machine before its markers',
  );
});

t.test('the picture of a strip', async (t) => {
  const pixels = new Uint8Array(256 + 44);
  pixels[257] = WRITERS.indexOf('live');
  const picture = stripPicture({ pixels });
  const { width, height } = picture;
  const rgba = rgbaOf(picture);
  t.same([width, height], [256, 2]);
  const pixel = (at: number): readonly number[] => [...rgba.subarray(at * 4, at * 4 + 4)];
  t.same(
    [pixel(0), pixel(257), pixel(300)],
    [
      [0xd5, 0xd9, 0xdd, 255],
      [0xd5, 0x5e, 0x00, 255],
      [0, 0, 0, 0],
    ],
  );
  t.equal(stripPicture({ pixels: new Uint8Array(16) }).width, 16);
});

t.test('a place of a strip is a sector, and is told', async (t) => {
  const strips = stripsOf(shown(suspend()), MACHINES);
  const strip = found(strips, 'sdb1');
  t.equal(sectorAt(strip, 0, 0), 2048);
  t.equal(sectorAt(strip, 0.99, 0.5), 2048 + 15 * 128 + 122, 'the first that was written');
  for (const [x, y] of [
    [1, 0],
    [0, -0.1],
    [NaN, 0],
  ] as const)
    t.equal(sectorAt(strip, x, y), undefined);
  const large = { ...strip, pixels: new Uint8Array(256 + 44), last: new Uint8Array(300 * 128) };
  t.equal(sectorAt(large, 0.1, 0.6), 2048 + (256 + 25) * 128);
  t.equal(sectorAt(large, 0.9, 0.6), undefined, 'behind the last pixel');
  const text = (disk: string, sector: number): string => placeText({ disk, sector }, strips);
  t.equal(text('sdb', 2180), 'sdb1, COW store, sectors 2176 to 2303: 1 written by the live timeline, 127 not written');
  t.equal(
    text('sda', 2048),
    'sda1, origin, xfs, sectors 2048 to 2175: 4 written by the restored timeline, 124 written until the snapshot',
  );
  t.equal(text('sdb', 4096), 'sdb2, swap, sectors 4096 to 4223: 6 written by the live timeline, 122 not written');
  t.equal(text('sda', 5), 'sda, sector 5: in no volume');
});

t.test('the view', async (t) => {
  const ignore = (): void => undefined;
  const view = (disks: readonly DiskShown[], sector?: SectorShown, running?: MachineShown): string =>
    renderToString(
      <DiskMap
        painter={pagePainter()}
        disks={disks}
        machines={MACHINES}
        running={running}
        differences={[]}
        image={undefined}
        redirected={undefined}
        sector={sector}
        place={{ disk: 'sdb', sector: 6144 }}
        onPlace={ignore}
      />,
    );
  t.equal(view([]), '');
  const text = view(shown(suspend()));
  t.match(
    text,
    /<figcaption>sdb3, image store, xfs <span class="dim">1 MiB<\/span><\/figcaption><canvas role="img" aria-label="map of sdb3;/,
  );
  t.match(
    text,
    /<tr data-kind="boot">.*?<th scope="row">sectors written by a new machine<\/th><td class="number">257<\/td>/,
  );
  t.match(text, /<input id="sector-sda" type="number" min="0" max="4095"\/>/);
  t.match(
    text,
    /<p id="place" aria-live="polite">sdb3, image store, xfs, sectors 6144 to 6271: 128 written by a new machine<\/p>/,
  );
  t.notMatch(text, /id="sector"/);
  t.match(
    view(shown(suspend()), undefined, machine(2, stepEnd('restore'), [], [write(200, 6144, 8)])),
    /sectors 6144 to 6271: 8 written by the restored timeline, 120 written by a new machine<\/p>/,
    'while the machine runs',
  );
  const known = { disk: 'sdb', sector: 6144, owner: 'sdb3: ext4: /a', laterOwner: undefined, later: undefined };
  const same = view(shown(suspend()), { ...known, bytes: Uint8Array.of(0x41, 0x42) });
  t.match(same, /<p>Sector 6144 of sdb: sdb3: ext4: \/a<\/p><pre[^>]*>00003000 {2}41 42 +AB<\/pre><\/div>/);
  const other = view(shown(suspend()), {
    ...known,
    laterOwner: 'sdb3: ext4: /b',
    bytes: Uint8Array.of(0x41),
    later: Uint8Array.of(0x43),
  });
  t.match(other, /: \/a; at the resume: sdb3: ext4: \/b\. Its bytes at the snapshot, and at the resume:<\/p>/);
  t.match(other, /41 +A<\/pre><pre[^>]*>00001800 {2}43 +C<\/pre>/);
});
