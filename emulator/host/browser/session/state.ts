// SPDX-License-Identifier: MIT
/** The state of a session, from what its worker reports. Views draw from it. */
import type { MachineShown } from '../../../cycle/machines.js';
import type { Finding } from '../../../cycle/outcome.js';
import type { Report } from '../../../report/model.js';
import type { SessionFile } from '../../../scenario/session-file.js';
import type { Loading } from '../storage/download.js';
import type { Stored } from '../storage/piece-store.js';
import type { ScenarioListed } from '../storage/scenario-list.js';
import type { DifferenceShown, ImageShown, SectorShown } from './disk-reader.js';
import type { DiskShown } from './disks.js';
import { endMs, farther } from './elapsed.js';
import type { MemoryShown, PageShown } from './memory-reader.js';
import type { PlaceShown } from './places.js';
import type { RedirectedShown } from './redirected-reader.js';
import type { FromSession, Pause, PromptState, RecallNow, ScreenShown, StandsAt } from './protocol.js';
import { withWritten } from './running.js';
import type { FaultSeen, Moment } from '../../../cycle/steps/context.js';

/** `starting` until everything is loaded, `prompt`: the machine takes what is typed, `ended`: nothing goes on. */
export type Phase = 'starting' | 'prompt' | 'running' | 'ended' | 'failed';

/** A finding, and how far the machines had come when it was made. */
export interface FindingAt extends Finding {
  /** Virtual time since the first power-on, over all machines. */
  readonly atMs: number;
}

export interface SessionState {
  readonly phase: Phase;
  /** One sentence about the present. */
  readonly said: string;
  /** The worker has told nothing for a while. */
  readonly isSilent: boolean;
  /** While something is being loaded. */
  readonly loading: Loading | undefined;
  readonly prompt: PromptState | undefined;
  /** Of the machine at the prompt or of a run that has paused, while it is watched; stays when that ends. */
  readonly memory: MemoryShown | undefined;
  readonly isWatched: boolean;
  /** Of the machine at the prompt or of a run that has paused, while it is watched; stays when that ends, until a run begins. */
  readonly screen: ScreenShown | undefined;
  readonly isScreenWatched: boolean;
  /** Instants of the machine at the prompt; stays when that ends. Its checkpoints are those of runs, too. */
  readonly recall: RecallNow | undefined;
  readonly isGoing: boolean;
  /** Real time that the last way to an instant took, in ms. */
  readonly wentMs: number | undefined;
  /** While the machine at the prompt stands still. */
  readonly stands: StandsAt | undefined;
  /** Of the place where the machine at the prompt stood last: what was done up to there, and see the message `stands`. */
  readonly instantSession: SessionFile | undefined;
  readonly instantExpected: string | undefined;
  /** The tab keeps something of the machine at the console. */
  readonly isKept: boolean;
  /** The page of the memory map that was asked for last. */
  readonly page: PageShown | undefined;
  /** What can be chosen instead of the page's own scenario. */
  readonly scenarios: readonly ScenarioListed[];
  /** Text of the scenario that can be run. */
  readonly scenario: string | undefined;
  /** While the run waits to be told to go on. */
  readonly paused: Pause | undefined;
  /** Where the run stands or is going to stand, among all places that it can go to. */
  readonly place: Moment | undefined;
  readonly places: readonly PlaceShown[];
  /** What has gone from the scenario with the last change. */
  readonly leftOut: readonly string[];
  /** Titles of the steps so far. */
  readonly steps: readonly string[];
  /** The part of the scenario that is done, from 0 to 1. */
  readonly done: number;
  readonly findings: readonly FindingAt[];
  /** Planned faults that have happened. */
  readonly faults: readonly FaultSeen[];
  readonly machines: readonly MachineShown[];
  /** What the machine that runs has written since, of which {@link machines} has nothing: see {@link withWritten}. */
  readonly running: MachineShown | undefined;
  /** Those of the run before, where this one repeats it. */
  readonly known: readonly MachineShown[];
  /** The disks that they have. */
  readonly disks: readonly DiskShown[];
  /** What the last disk proof with differences has found. */
  readonly differences: readonly DifferenceShown[];
  /** Where the last disk proof has found it. */
  readonly image: ImageShown | undefined;
  /** Of the machine that stood at the last pause. */
  readonly redirected: RedirectedShown | undefined;
  /** The sector of the disk map that was asked for last. */
  readonly sector: SectorShown | undefined;
  /** Why the scenario cannot be run. */
  readonly refused: string | undefined;
  /** The report as far as it is known, as the command line would print it, until there is {@link verdict}. */
  readonly growing: string | undefined;
  readonly report: Report | undefined;
  /** The report as the command line prints it. */
  readonly verdict: string | undefined;
  /** What was run and where it has ended. */
  readonly session: SessionFile | undefined;
  /** See the message `verdict`. */
  readonly expected: string | undefined;
  readonly stored: Stored | undefined;
}

/** Before the scenario has shown anything. */
const NOTHING_RUN = {
  paused: undefined,
  place: undefined,
  places: [],
  leftOut: [],
  steps: [],
  done: 0,
  findings: [],
  faults: [],
  machines: [],
  running: undefined,
  known: [],
  disks: [],
  differences: [],
  image: undefined,
  redirected: undefined,
  sector: undefined,
  refused: undefined,
  growing: undefined,
  report: undefined,
  verdict: undefined,
  session: undefined,
  expected: undefined,
} as const satisfies Partial<SessionState>;

export const START: SessionState = {
  phase: 'starting',
  said: 'starting',
  isSilent: false,
  loading: undefined,
  prompt: undefined,
  memory: undefined,
  isWatched: false,
  screen: undefined,
  isScreenWatched: false,
  recall: undefined,
  isGoing: false,
  wentMs: undefined,
  stands: undefined,
  instantSession: undefined,
  instantExpected: undefined,
  isKept: false,
  page: undefined,
  scenarios: [],
  scenario: undefined,
  ...NOTHING_RUN,
  stored: undefined,
};

/** The state after a message. Output of the console is no part of it. */
export function next(state: SessionState, message: FromSession): SessionState {
  switch (message.tell) {
    case 'alive':
      // It may have been called lost before.
      return { ...state, phase: 'starting', said: START.said };
    case 'silence':
      return { ...state, isSilent: message.isSilent };
    case 'scenarios':
      return { ...state, scenarios: message.scenarios };
    case 'making': {
      const doing = message.doing === '' ? '' : `: ${message.doing}`;
      return { ...state, said: `the server makes this machine, which takes minutes the first time${doing}` };
    }
    case 'loading':
      // What else was being loaded then goes on for a while.
      return state.phase === 'failed' ? state : withLoading(state, message.loading);
    case 'restoring':
      return { ...state, loading: undefined, said: 'restoring the machine' };
    case 'prompt': {
      const { instructions, virtualMs, stateHash } = message.state;
      const said = `at the prompt: instruction ${instructions}, ${virtualMs.toFixed(3)} ms; state ${stateHash.slice(0, 16)}`;
      return { ...state, phase: 'prompt', prompt: message.state, scenario: message.scenario, said };
    }
    case 'console':
    case 'command':
      return state;
    case 'recall': {
      const { recall } = message;
      if (recall.isStanding || !state.recall?.isStanding) return { ...state, recall };
      return { ...state, recall, stands: undefined, said: recall.hasMore ? 'going on as it was' : 'going on' };
    }
    case 'checkpoints':
      return { ...state, recall: state.recall && { ...state.recall, checkpoints: message.checkpoints } };
    case 'going':
      return {
        ...state,
        phase: 'prompt',
        isGoing: true,
        stands: undefined,
        paused: undefined,
        said: 'going to an instant',
      };
    case 'arrived':
      return { ...state, isGoing: false, wentMs: message.tookMs, said: 'the machine is there' };
    case 'stands': {
      const { instructions, virtualMs, stateHash } = message.stands;
      const said = `stands at instruction ${instructions}, ${virtualMs.toFixed(3)} ms; state ${stateHash.slice(0, 16)}`;
      const { stands, session: instantSession, expected: instantExpected } = message;
      return { ...state, stands, instantSession, instantExpected, said };
    }
    case 'keep':
      return { ...state, isKept: message.kept !== undefined };
    case 'refusedKeys': {
      // How a run has ended is worth more.
      if (state.phase !== 'running') return state;
      const how = state.paused?.inside
        ? 'take it over'
        : 'step through the run, go to an instant between two places, and take it over';
      return { ...state, said: `the machine of a run takes no keys: ${how} (key z)` };
    }
    case 'ended':
      return { ...state, phase: 'ended', isKept: false, said: `the machine has ended: ${message.why}` };
    case 'running': {
      const { again } = message;
      const now = { ...state, ...NOTHING_RUN, phase: 'running', stands: undefined, screen: undefined } as const;
      if (!again) return { ...now, said: 'running the scenario' };
      const { to: place, leftOut, isChanged } = again;
      const known = isChanged ? [] : farther(state.known, state.machines);
      return { ...now, said: 'going there', place, places: state.places, leftOut, known };
    }
    case 'refused': {
      const { message: what, remedy } = message;
      return { ...state, refused: remedy === undefined ? what : `${what}\nwhat to do: ${remedy}` };
    }
    case 'memory':
      return { ...state, memory: message.memory };
    case 'watching':
      return { ...state, isWatched: message.on };
    case 'screen':
      return { ...state, screen: message.screen };
    case 'watchingScreen':
      // What it has shown before is not what it shows now.
      return { ...state, isScreenWatched: message.on, screen: undefined };
    case 'page':
      return { ...state, page: message.page };
    case 'paused': {
      const { tell: _, ...paused } = message;
      const { at, places, inside } = paused;
      const said = inside
        ? `paused within: ${at.title}, machine ${inside.machine} at ${inside.virtualMs.toFixed(3)} ms`
        : `paused before: ${at.title}`;
      return { ...state, loading: undefined, paused, place: at, places, said };
    }
    case 'goingOn':
      return {
        ...state,
        paused: undefined,
        // Parts of a live timeline are told by nothing else.
        ...(state.paused && {
          said: state.paused.at.title,
          ...(!state.paused.inside && { steps: [...state.steps, state.paused.at.title] }),
        }),
      };
    case 'step': {
      const { what, fraction } = message;
      // A part of a step says no new step.
      const isStep = fraction !== undefined && state.steps.at(-1) !== what;
      return {
        ...state,
        loading: undefined,
        said: what,
        ...(fraction !== undefined && { done: fraction }),
        ...(isStep && { steps: [...state.steps, what] }),
      };
    }
    case 'machine': {
      const { number } = message.machine;
      return {
        ...state,
        machines: [...state.machines.filter((one) => one.number !== number), message.machine].sort(
          (a, b) => a.number - b.number,
        ),
        running: undefined,
      };
    }
    case 'wrote':
      return { ...state, running: withWritten(state.machines, state.running, message.machine, message.written) };
    case 'disks':
      return { ...state, disks: message.disks };
    case 'differences':
      return { ...state, differences: message.differences };
    case 'image':
      return { ...state, image: message.image };
    case 'redirected':
      return { ...state, redirected: { machine: state.machines.at(-1)?.number ?? 0, ranges: message.ranges } };
    case 'sector':
      return { ...state, sector: message.sector };
    case 'finding':
      return { ...state, findings: [...state.findings, { ...message.finding, atMs: endMs(state.machines) }] };
    case 'fault':
      return { ...state, faults: [...state.faults, message.fault] };
    case 'growing':
      return { ...state, growing: message.text };
    case 'verdict': {
      const { report, places, text, session, expected } = message;
      const said = `the scenario has ended: ${report.verdict}`;
      return {
        ...state,
        phase: 'ended',
        said,
        done: 1,
        growing: undefined,
        report,
        places,
        verdict: text,
        session,
        expected,
        isKept: false,
      };
    }
    case 'stored':
      return { ...state, stored: message.stored };
    case 'failed': {
      const { message: what, remedy } = message;
      const said = remedy === undefined ? what : `${what}; what to do: ${remedy}`;
      return { ...state, phase: 'failed', loading: undefined, isGoing: false, isKept: false, isSilent: false, said };
    }
  }
}

function withLoading(state: SessionState, loading: Loading): SessionState {
  const { missing, loadedBytes, allBytes } = loading;
  if (missing.length === 0) return { ...state, loading: undefined, said: 'unpacking' };
  const left = `${megabytes(allBytes - loadedBytes)} of ${megabytes(allBytes)} MB left`;
  return { ...state, loading, said: `loading ${missing.join(', ')}: ${left}` };
}

export const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
