// SPDX-License-Identifier: MIT
/**
 * What can be done where a run of the page has paused. Whatever is done is a change of the scenario's text from there on, so a
 * link, a file and `snapback replay` have it, too.
 */
import type { MachineShown } from '../../../cycle/machines.js';
import { advance, orderProblems, type Phase } from '../../../cycle/phase.js';
import { DEFAULT_METHOD, type SimpleStep, type Step } from '../../../cycle/plan.js';
import type { Moment } from '../../../cycle/steps/context.js';
import { livePartsOf } from '../../../cycle/sys-snapshot.js';
import type { Mistake } from '../../../faults/mistake.js';
import { InputError } from '../../../machine/errors.js';
import type { Scenario } from '../../../scenario/schema.js';
import { editYaml, writeDuration, type YamlEdit } from '../../../yaml/index.js';
import { scenarioOf } from './edited.js';

/** Something that can be done, by a button. */
export interface Addition {
  readonly id: string;
  readonly title: string;
  /** Undefined for those of a list. */
  readonly key?: string;
  readonly isFault?: true;
}

export interface Possible {
  readonly additions: readonly Addition[];
  /** Whether a command of the user's can be run. */
  readonly commands: boolean;
  /** How long the machine will be off, as a scenario has it. Undefined where that cannot be changed. */
  readonly offTime?: string;
}

/** What somebody does: an {@link Addition}, a command, or another time to be off, as a scenario has it. */
export type Doing = { readonly id: string } | { readonly command: string } | { readonly offTime: string };

/** The scenario with what was done. */
export interface Changed {
  readonly text: string;
  /** The run is the same until here. */
  readonly sameUntil: Moment;
  /** Where the run is to pause next. */
  readonly to: Moment;
  /** What the scenario does no longer, because it is not possible after what was done. */
  readonly leftOut: readonly string[];
}

type Suspend = Extract<SimpleStep, { do: 'suspend' }>;

/** As a step that says nothing else. Its off-time is that of the text, the default. */
const SUSPEND: Suspend = { do: 'suspend', method: DEFAULT_METHOD, offMs: 0, whileSaving: [], faults: [] };
const VERIFY: SimpleStep = { do: 'verify', proofs: [] };
const RESUME: SimpleStep = { do: 'resume', faults: [] };
const run = (command: string): SimpleStep => ({ do: 'run', command, exit: 0, timeoutMs: 0 });
const mistake = (name: Mistake): readonly SimpleStep[] => [run(`echo ${name} > /sys/module/rig/parameters/break`)];

/**
 * The steps of an addition, which are put before the next step; or a command for the live timeline; or a change of the next
 * step, or of that whose part is next.
 */
type Made =
  | { readonly steps: readonly SimpleStep[] }
  | { readonly fault: unknown; readonly of: 'suspend' | 'resume' }
  | { readonly live: string }
  | { readonly then: 'rollback' | 'commit' }
  | { readonly offTime: string };

const HAVOC = 'scribble /etc';
/** The store has 64 MiB. */
const FILL_STORE = 'yes live | dd of=/root/much bs=1M count=72 iflag=fullblock conv=fsync';

/** In the order in which they are shown. Some mean one thing between steps and another one in a live timeline. */
const ADDITIONS: readonly (Addition & { readonly made: Made })[] = [
  { id: 'snapshot', key: 'p', title: 'Snapshot', made: { steps: [SUSPEND, RESUME, VERIFY] } },
  {
    id: 'rollbackLater',
    key: 'b',
    title: 'Snapshot to roll back',
    made: { steps: [{ ...SUSPEND, then: 'rollback' }, VERIFY] },
  },
  { id: 'commitLater', key: 'm', title: 'Snapshot to commit', made: { steps: [{ ...SUSPEND, then: 'commit' }] } },
  { id: 'rollback', key: 'b', title: 'Roll back', made: { then: 'rollback' } },
  { id: 'commit', key: 'm', title: 'Commit', made: { then: 'commit' } },
  { id: 'havoc', key: 'h', title: 'Make havoc', made: { steps: [run(HAVOC)] } },
  { id: 'resume', key: 'u', title: 'Resume', made: { steps: [RESUME] } },
  { id: 'verify', key: 'v', title: 'Verify', made: { steps: [VERIFY] } },
  { id: 'boot', key: 'o', title: 'Boot', made: { steps: [{ do: 'boot' }] } },
  { id: 'shutdown', key: 'd', title: 'Power off, boot', made: { steps: [{ do: 'shutdown' }, { do: 'boot' }] } },
  { id: 'cutPower', key: 'x', title: 'Cut power now, boot', made: { steps: [{ do: 'cutPower' }, { do: 'boot' }] } },
  { id: 'cutAtWrite', key: 't', title: 'Cut power at the next write, boot', made: { steps: [{ do: 'boot' }] } },
  {
    id: 'skipPage',
    isFault: true,
    title: 'The kernel leaves a page out of the image',
    made: { steps: mistake('skip-page') },
  },
  {
    id: 'flipCopy',
    isFault: true,
    title: 'The kernel alters a byte of the image',
    made: { steps: mistake('flip-copy') },
  },
  {
    id: 'flipRestored',
    isFault: true,
    title: 'A byte of memory is altered after the resume',
    made: { fault: { flipMemory: { marker: 'restore:end', symbol: 'linux_banner' } }, of: 'resume' },
  },
  {
    id: 'alterSector',
    isFault: true,
    title: 'A sector of the first disk is altered while the machine is off',
    made: { fault: { alterSector: { disk: 0, sector: 300_000 } }, of: 'suspend' },
  },
  {
    id: 'failStore',
    isFault: true,
    title: 'The disk with the stores takes no more writes',
    made: { fault: { failDisk: { disk: 1, requests: 'writes' } }, of: 'suspend' },
  },
  {
    id: 'fullStore',
    isFault: true,
    title: 'A program of the live timeline writes more than the store holds',
    made: { live: FILL_STORE },
  },
];

/** The ids of all faults. */
export const FAULT_IDS: readonly string[] = ADDITIONS.flatMap(({ id, isFault }) => (isFault ? [id] : []));

/** A place in a scenario's text. */
interface Site {
  /** Index in its list of steps. */
  readonly index: number;
  /** Before it. */
  readonly phase: Phase;
  /** The next step, or the one whose part is next. Undefined at the end. */
  readonly next: SimpleStep | undefined;
}

/** Undefined within a `repeat`, where a change would be one of each round. */
function siteOf(steps: readonly Step[], at: Moment): Site | undefined {
  let left = at.step;
  for (const [index, step] of steps.entries()) {
    const phase = orderProblems(steps.slice(0, index)).end;
    if (left === 0) return step.do === 'repeat' ? { index, phase, next: undefined } : { index, phase, next: step };
    left -= lengthOf(step);
    if (left < 0) return undefined;
  }
  return { index: steps.length, phase: orderProblems(steps).end, next: undefined };
}

const lengthOf = (step: Step): number =>
  step.do === 'repeat' ? step.times * step.steps.reduce((sum, inner) => sum + lengthOf(inner), 0) : 1;

/** What can be done at a place of the scenario in `text`, which is valid. */
export function possibleAt(text: string, at: Moment): Possible {
  const { steps } = scenarioOf(text);
  const site = siteOf(steps, at);
  if (!site) return { additions: [], commands: false };
  const commands = commandsFit(site, at);
  const additions = ADDITIONS.filter((one) => isPossible(one, site, at, commands)).map(({ made: _, ...one }) => one);
  const { next } = site;
  return {
    additions,
    commands,
    ...(next?.do === 'suspend' && isPoweredOff(next) && { offTime: writeDuration(next.offMs) }),
  };
}

function commandsFit({ phase, next }: Site, { part }: Moment): boolean {
  if (part === 0) return typeof advance(phase, run('true')) === 'string';
  // Such a command would have begun before the image was complete, which is before this place.
  return next?.do === 'suspend' && part !== powerOffOf(next);
}

const powerOffOf = (step: Suspend): number | undefined =>
  step.then === undefined ? livePartsOf(step).powerOff : undefined;

function isPossible({ id, made }: (typeof ADDITIONS)[number], site: Site, at: Moment, commands: boolean): boolean {
  const { phase, next } = site;
  const isLive = at.part > 0;
  if ('then' in made) return isLive && next?.do === 'suspend' && next.then === undefined && at.part <= endOf(next);
  if ('offTime' in made) return next?.do === 'suspend' && isPoweredOff(next);
  if ('fault' in made) return !isLive && takesFault(made.of, next);
  if ('live' in made) return isLive ? commands : next?.do === 'suspend' && next.refusal === undefined;
  if (id === 'cutAtWrite') return isLive;
  // With an image on disk, a boot is a resume.
  if (id === 'boot' && phase === 'suspended') return false;
  if (isLive) return id === 'cutPower' || (id === 'havoc' && commands);
  const [first] = made.steps;
  // That is what comes next anyway.
  if (first === undefined || (first.do === next?.do && id !== 'havoc' && !isOther(first, next))) return false;
  return fits(phase, made.steps);
}

const endOf = (step: Suspend): number => livePartsOf(step).end;

/** Whether two steps that do the same end in another way. */
const isOther = (one: SimpleStep, two: SimpleStep): boolean =>
  one.do === 'run' || (one.do === 'suspend' && two.do === 'suspend' && one.then !== two.then);

const takesFault = (of: 'suspend' | 'resume', next: SimpleStep | undefined): boolean =>
  next?.do === of && !(next.do === 'suspend' && !isPoweredOff(next));

const isPoweredOff = (step: Suspend): boolean => (step.refusal ?? step.then) === undefined;

const fits = (phase: Phase, steps: readonly Step[]): boolean => orderProblems(steps, phase).problems.length === 0;

/**
 * The scenario in `text` with what is done at a place of it.
 * @param machine the one that runs there, if one does.
 * @throws InputError when the text cannot be changed in this way.
 */
export function withDone(text: string, at: Moment, doing: Doing, machine: MachineShown | undefined): Changed {
  const before = scenarioOf(text);
  const site = siteOf(before.steps, at);
  const made = madeOf(doing);
  if (!site || !made) throw new InputError('that cannot be done here');
  const change = changeFor(site, at, 'id' in doing ? doing.id : '', made, machine);
  return finish(text, before, site, change);
}

function madeOf(doing: Doing): Made | undefined {
  if ('offTime' in doing) return doing;
  if ('command' in doing) return { steps: [run(doing.command)] };
  return ADDITIONS.find(({ id }) => id === doing.id)?.made;
}

interface Change extends Pick<Changed, 'sameUntil' | 'to'> {
  readonly edit: (yaml: YamlEdit) => void;
  /** The step of the site as it is then, where that is changed. */
  readonly replaced?: SimpleStep;
  /** Put before the step of the site, or behind it if that is changed. */
  readonly inserted: readonly SimpleStep[];
}

function changeFor(
  { index, next }: Site,
  at: Moment,
  id: string,
  made: Made,
  machine: MachineShown | undefined,
): Change {
  const step = ['steps', index] as const;
  const here = { sameUntil: at, to: at, inserted: [] };
  if (next && 'fault' in made)
    return { ...here, replaced: next, edit: (yaml) => insertInto(yaml, [...step, made.of, 'faults'], 0, made.fault) };
  if (next?.do === 'suspend' && 'offTime' in made)
    return {
      ...here,
      replaced: next,
      edit(yaml) {
        makeMapping(yaml, step, 'suspend');
        yaml.set([...step, 'suspend', 'offTime'], made.offTime);
      },
    };
  if (next?.do === 'suspend' && 'live' in made && at.part === 0)
    return {
      ...here,
      replaced: next,
      edit: (yaml) => insertInto(yaml, [...step, 'suspend', 'beforeSaving'], 0, made.live),
    };
  if (next?.do === 'suspend' && 'then' in made)
    return {
      ...here,
      // The command that takes the snapshot says how its live timeline ends.
      sameUntil: { step: at.step, part: 0 },
      replaced: { ...next, then: made.then },
      edit(yaml) {
        makeMapping(yaml, step, 'suspend');
        yaml.set([...step, 'suspend', 'then'], made.then);
        if (made.then === 'rollback') yaml.remove([...step, 'suspend', 'whileSaving']);
        yaml.remove([...step, 'suspend', 'keep']);
      },
    };
  const steps = 'steps' in made ? made.steps : 'live' in made ? [run(made.live)] : [];
  if (at.part === 0 || next?.do !== 'suspend') return { ...here, edit: () => undefined, inserted: steps };
  const [first] = steps;
  if (first?.do !== 'run') {
    const cut =
      id === 'cutAtWrite'
        ? { write: machine?.writes[WRITTEN_DISK]?.length ?? 0, disk: WRITTEN_DISK }
        : { instruction: machine?.instructions ?? 0 };
    return {
      ...here,
      to: { step: at.step + 1, part: 0 },
      edit: (yaml) => insertInto(yaml, [...step, 'suspend', 'faults'], 0, { cutPower: cut }),
      replaced: { ...next, faults: [{ fault: 'cutPower', at: { instruction: 0 } }] },
      inserted: [{ do: 'boot' }],
    };
  }
  const { end, whileSaving } = livePartsOf(next);
  const [list, item] = at.part <= end ? ['beforeSaving', at.part - 1] : ['whileSaving', at.part - whileSaving];
  return {
    ...here,
    replaced: next,
    edit: (yaml) => insertInto(yaml, [...step, 'suspend', list], item, first.command),
  };
}

/** The disk with the stores: the live timeline writes to no other one. */
const WRITTEN_DISK = 1;

type Path = readonly (string | number)[];

/** `- suspend` and `- suspend:` become mappings. */
function makeMapping(yaml: YamlEdit, step: Path, key: string): void {
  const value = yaml.get(step);
  const inner = typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : null;
  if (typeof inner !== 'object' || inner === null) yaml.set(step, { [key]: {} });
}

function insertInto(yaml: YamlEdit, path: Path, index: number, value: unknown): void {
  makeMapping(yaml, path.slice(0, 2), String(path[2]));
  yaml.insert(path, index, value);
}

/** Makes the change, and leaves out as few of the steps after it as the order of steps demands. */
function finish(text: string, { steps }: Scenario, { index }: Site, change: Change): Changed {
  const { edit, inserted, replaced, sameUntil, to } = change;
  const own = replaced ? [replaced] : [];
  const { end } = orderProblems([...steps.slice(0, index), ...own, ...inserted]);
  const rest = steps.slice(index + own.length);
  let dropped = 0;
  while (!fits(end, rest.slice(dropped))) dropped++;
  const changed = changedText(text, (yaml) => {
    edit(yaml);
    for (let left = dropped; left > 0; left--) yaml.remove(['steps', index + own.length]);
    inserted.forEach((step, at) => yaml.insert(['steps'], index + own.length + at, valueOf(step)));
  });
  scenarioOf(changed);
  return { text: changed, sameUntil, to, leftOut: rest.slice(0, dropped).map((step) => step.do) };
}

/** A step as it is written. Only of those above. */
function valueOf(step: SimpleStep): unknown {
  if (step.do === 'run') return { run: step.command };
  return step.do === 'suspend' && step.then !== undefined ? { suspend: { then: step.then } } : step.do;
}

function changedText(text: string, edit: (yaml: YamlEdit) => void): string {
  try {
    return editYaml(text, edit);
  } catch (cause) {
    throw new InputError('this place of the scenario cannot be changed by a button', {
      remedy: 'change the text of the scenario, and run that',
      cause,
    });
  }
}
