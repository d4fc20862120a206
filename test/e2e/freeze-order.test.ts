// SPDX-License-Identifier: MIT
/**
 * snapshot(2) with either order of freezing gives the same image and the same disks of the same work, apart from what the order
 * itself explains. Two pairs of forks of one machine: in one pair everything rests but the kernel, and all of the image is
 * compared; in the other all programs are at work until they are frozen, and what programs and files have is compared.
 */
import t, { type Test } from 'tap';
import {
  Agent,
  record,
  type Checkpoint,
  type DiskConfig,
  type Recorder,
  type Seen,
  type Trigger,
} from '../../tools/library.js';
import { diffDisks } from '../../emulator/disks/diff.js';
import { MARKER_LAYOUT, stepBegin, stepEnd } from '../../emulator/machine/markers.js';
import { guestKernel, type GuestKernel } from '../../emulator/memory/kernel.js';
import { parseLayout } from '../../emulator/memory/layout.js';
import { parseSystemMap } from '../../emulator/memory/symbols.js';
import { guestMemory } from '../../emulator/memory/view.js';
import { volumes } from '../../emulator/verify/disk/partitions.js';
import { diskSource, nameSectors } from '../../emulator/verify/disk/verify.js';
import { compareImages, explain, pointeesOf, type Explanation } from '../../emulator/verify/comparison/images.js';
import { compareContents, contentsOf } from '../../emulator/verify/comparison/contents.js';
import { FREEZE_ORDER_CAUSES, WORK_CAUSES, WORK_DISK_CAUSES } from '../../emulator/verify/comparison/freeze-order.js';
import { createProofs } from '../../emulator/verify/proofs.js';
import { bootable } from './guest-support.js';

/** All programs but the agent's; and until what they had written is on disk. */
const STOP_ALL = `for round in 1 2; do
  for process in /proc/[0-9]*; do
    read -r name < $process/comm
    case $name in init | rig-* | sh | bash) ;; *) [ ! -e $process/exe ] || kill -STOP \${process#/proc/} ;; esac
  done
done
sync; sleep 2; sync`;

interface State {
  readonly checkpoint: Checkpoint;
  readonly seen: Seen;
}

/** Memory and disks at the atomic copy. */
interface Frozen {
  readonly kernel: GuestKernel;
  readonly disks: readonly DiskConfig[];
}

const {
  files: { config, systemMap },
  booter,
  inGuest,
} = await bootable();
const symbols = parseSystemMap(systemMap);
const freezeOrder = createProofs({ systemMap, check: () => Promise.resolve(undefined) }).addressOf('freeze_order');

/**
 * Lets devices stop one after another. Otherwise workers of the kernel stop them, as many as happen to be needed, and one that
 * is made for that exists in one of the images only.
 */
const ONE_BY_ONE = 'echo 0 > /sys/power/pm_async';

/** The machine before the call, with all programs at work, and with all of them stopped. */
const statesBefore = (t: Test): Promise<{ readonly atWork: State; readonly atRest: State }> =>
  inGuest(async (agent, recorder) => {
    const stateAfter = async (command: string): Promise<State> => {
      t.match(await agent.exec(['/bin/sh', '-c', command]), { ended: 'exited', exitCode: 0 });
      return { checkpoint: await recorder.machine.checkpoint(), seen: recorder.seen() };
    };
    const atWork = await stateAfter(`${ONE_BY_ONE} && selfcheck start`);
    return { atWork, atRest: await stateAfter(STOP_ALL) };
  });

/** Goes on from `state` to the copy. That the order is another one is, until then, a bit of memory that nobody has looked at. */
async function freeze(t: Test, { checkpoint, seen }: State, filesystemsFirst: boolean): Promise<Frozen> {
  const recorder = record(await booter.engine.restore(config, checkpoint), {
    diskCount: config.disks.length,
    before: seen,
  });
  const at = (kind: number): Trigger => ({ on: 'marker', kind });
  recorder.arm([
    ...(filesystemsFirst
      ? [{ when: at(stepBegin('call')), then: { do: 'flip', gpa: freezeOrder, xor: Uint8Array.of(1) } as const }]
      : []),
    { when: at(stepBegin('copy')), then: { do: 'capture', label: 'copy' } },
  ]);
  const agent = new Agent(recorder.machine);
  await agent.connect();
  const end = await agent.exec(['snapctl', 'take', '-c', '/dev/sdb1', 'true'], {
    triggers: [{ when: at(stepEnd('copy')), then: { do: 'stop' } }],
  });
  t.equal(end.ended, 'stopped');
  const steps = recorder
    .seen()
    .markers.map(({ kind }) => kind)
    .filter((kind) => kind === stepBegin('freezeTasks') || kind === stepBegin('freezeFilesystems'));
  t.same(steps[0], stepBegin(filesystemsFirst ? 'freezeFilesystems' : 'freezeTasks'), 'the order that was asked for');
  t.equal(steps.length, 2);
  const frozen = frozenAt(recorder);
  await recorder.machine.close();
  return frozen;
}

function frozenAt(recorder: Recorder): Frozen {
  const [capture] = recorder.takeCaptures();
  const { markers, writes } = recorder.seen();
  const layout = markers.find(({ kind }) => kind === MARKER_LAYOUT);
  if (capture === undefined || layout === undefined) throw new Error('no copy was made');
  const memory = guestMemory(capture.memory);
  return {
    kernel: guestKernel(memory, symbols, parseLayout(memory.bytes.subarray(layout.word0, layout.word0 + layout.word1))),
    disks: config.disks.map((disk, index) => ({ ...disk, overlay: writes[index] ?? [] })),
  };
}

/** Sectors that differ, as `sda1: ext4: journal`. */
function differingSectors(first: Frozen, second: Frozen): readonly string[] {
  return first.disks.flatMap((disk, index) => {
    const other = second.disks[index];
    if (other === undefined) throw new Error('the machines have other disks');
    const device = `sd${'ab'[index] ?? '?'}`;
    const source = diskSource(disk);
    return nameSectors(source, volumes(source, device), device, diffDisks(disk, other).ranges).map(
      ({ device: of, owner }) => `${of}: ${owner}`,
    );
  });
}

const tell = (t: Test, { explained }: Explanation): void => {
  for (const [why, words] of explained) t.comment(`${words} words differ: ${why}`);
};

t.test('either order of freezing gives the same image of the same work', async (t) => {
  const { atWork, atRest } = await statesBefore(t);

  await t.test('all of the image, and all disks, when nothing is at work but the kernel', async (t) => {
    const [first, second] = [await freeze(t, atRest, false), await freeze(t, atRest, true)];
    const { pages, differences } = compareImages(first.kernel, second.kernel);
    for (const [name, { compared, equal }] of Object.entries(pages))
      t.comment(`${name}: ${compared} pages compared, ${equal} are equal`);
    const explanation = explain(differences, FREEZE_ORDER_CAUSES, pointeesOf(first.kernel, second.kernel));
    tell(t, explanation);
    t.same(explanation.unexplained, []);
    t.ok(
      pages['memory of programs'].compared > 5000 &&
        pages['page cache and shared memory'].compared > 3000 &&
        pages.slab.compared > 1000,
    );
    t.same(differingSectors(first, second), []);
  });

  await t.test(
    'what programs and files have, and all disks, when programs are at work until they are frozen',
    async (t) => {
      const [first, second] = [await freeze(t, atWork, false), await freeze(t, atWork, true)];
      const { pagesCompared, differences } = compareContents(contentsOf(first.kernel), contentsOf(second.kernel));
      t.comment(
        `${pagesCompared} pages of programs and files compared, ${pagesCompared - differences.length} are equal; memory of the kernel is not compared here`,
      );
      const explanation = explain(differences, WORK_CAUSES);
      tell(t, explanation);
      t.same(explanation.unexplained, []);
      t.ok(pagesCompared > 5000);
      const sectors = differingSectors(first, second);
      for (const sector of sectors) t.comment(sector);
      t.same(
        sectors.filter((sector) => !WORK_DISK_CAUSES.some(({ owners }) => owners.test(sector))),
        [],
      );
    },
  );
});
