// SPDX-License-Identifier: MIT
/** The messages between the page and the worker of its session. */
import type { MachineShown } from '../../../cycle/machines.js';
import type { CommandOutcome, Finding } from '../../../cycle/outcome.js';
import type { Written } from '../../../machine/contract.js';
import type { FaultSeen, Moment, PausedAt } from '../../../cycle/steps/context.js';
import type { Report } from '../../../report/model.js';
import type { Instant, SessionFile } from '../../../scenario/session-file.js';
import type { Loading } from '../storage/download.js';
import type { KeptMachine } from '../storage/kept-session.js';
import type { ScenarioListed } from '../storage/scenario-list.js';
import type { Stored } from '../storage/piece-store.js';
import type { Doing, Possible } from './additions.js';
import type { RedirectedRange } from '../../../memory/substitutes.js';
import type { DifferenceShown, ImageShown, SectorShown } from './disk-reader.js';
import type { DiskShown } from './disks.js';
import type { MemoryShown, PageShown } from './memory-reader.js';
import type { PlaceShown } from './places.js';
import type { CheckpointsShown } from './recall/checkpoints.js';
import type { Inside } from './recall/inside.js';
import type { RecallShown } from './recall/recall.js';

export interface ScreenShown {
  /** See `Machine.readScreen`. */
  readonly rows: readonly string[] | undefined;
  /** Virtual time of its machine. */
  readonly virtualMs: number;
}

export type ToSession =
  /** Load the machine that a description names, and continue it to its prompt. */
  | {
      readonly do: 'open';
      /** Of the page, absolute. */
      readonly page: string;
      /** Name of the scenario on the page's list whose machine it is; undefined: the page's own. */
      readonly scenario: string | undefined;
      /** Text of the session with which the page was opened (see `session-file.ts`). */
      readonly session: string | undefined;
      /** What the tab has kept of the machine at the console; goes before the session. */
      readonly kept: KeptMachine | undefined;
    }
  /** Bytes for the console of the machine at the prompt. */
  | { readonly do: 'type'; readonly bytes: Uint8Array }
  /** Go to an instant of the machine at the prompt, on one of its lines. It stands there. */
  | { readonly do: 'goToInstant'; readonly line: number; readonly virtualMs: number }
  /** Have the machine at the prompt stand still, or go on. */
  | { readonly do: 'stand'; readonly on: boolean }
  /** Run a scenario on machines like that of the page. The machine at the prompt ends. */
  | {
      readonly do: 'run';
      /** Of the scenario, as of a file. */
      readonly text: string;
      /** It pauses before each part until it is told to go on. */
      readonly stepwise: boolean;
      /** Where it pauses first, if not before its first part. */
      readonly to?: Moment;
    }
  /** Ends the pause; `all`: without pauses from now on. */
  | { readonly do: 'goOn'; readonly all: boolean }
  /** Changes the scenario of the run that has paused, from this place on, and goes on with it. */
  | {
      readonly do: 'change';
      readonly doing: Doing;
      /** The text of the scenario as it is in the editor, if it has been typed in. */
      readonly typed?: string | undefined;
    }
  /** Goes to another place that the run has been at; `inside`: from there on to this instant, before the next place. */
  | { readonly do: 'goTo'; readonly moment: Moment; readonly inside?: Inside }
  /** Takes the machine over that stands within a part of a run: it gets what is typed, and the run is left. */
  | { readonly do: 'takeOver' }
  /** Show the memory of the machine at the prompt now and then, and that of a run at each pause; or no longer. */
  | { readonly do: 'watchMemory'; readonly on: boolean }
  /** Show the screen of the machine at the prompt now and then, and that of a run at each pause; or no longer. */
  | { readonly do: 'watchScreen'; readonly on: boolean }
  /** Tell what is known of a page that the memory map shows. */
  | { readonly do: 'askPage'; readonly frame: number }
  /** Tell what is known of a sector that the disk map shows. */
  | { readonly do: 'askSector'; readonly disk: string; readonly sector: number }
  /** Remove what the browser keeps of the disks. */
  | { readonly do: 'emptyStore' };

/** The machine at its prompt. */
export interface PromptState {
  readonly instructions: number;
  readonly virtualMs: number;
  /** As `Machine.stateHash`. */
  readonly stateHash: string;
  /** Real time since the session began, until everything was loaded, and until the machine was at its prompt. */
  readonly loadedMs: number;
  readonly promptMs: number;
}

/** Where the machine at the prompt stands still. */
export interface StandsAt extends Instant {
  /** As `Machine.stateHash`. */
  readonly stateHash: string;
}

/** Where the machine at the prompt is, and what it can go to. */
export interface RecallNow extends RecallShown {
  readonly line: number;
  readonly at: Instant;
  readonly isStanding: boolean;
  /** Its line goes on from here. */
  readonly hasMore: boolean;
}

/** Where a run stands, and what can be done there. */
export interface Pause {
  readonly at: PausedAt;
  /** Of the scenario that runs. */
  readonly text: string;
  readonly possible: Possible;
  /** All that the run can go to, in their order. */
  readonly places: readonly PlaceShown[];
  /** It stands at this instant behind `at`. Nothing can be done there. */
  readonly inside?: Inside;
}

export interface Again {
  /** Of the scenario. */
  readonly text: string;
  readonly to: Moment;
  /** From there on, without a pause there, to this instant. */
  readonly inside?: Inside;
  /** The steps of the scenario that are no longer in it, because they are not possible after what was done. */
  readonly leftOut: readonly string[];
  /** The text is another one than that of the run before. */
  readonly isChanged: boolean;
}

export type FromSession =
  /** The worker runs. Its first message, and from then on a sign of life. */
  | { readonly tell: 'alive' }
  /** Of the page itself: the worker has told nothing for a while, or tells something again. */
  | { readonly tell: 'silence'; readonly isSilent: boolean }
  /** What can be chosen instead of the scenario of the page. */
  | { readonly tell: 'scenarios'; readonly scenarios: readonly ScenarioListed[] }
  /** The server makes the machine; what it does. */
  | { readonly tell: 'making'; readonly doing: string }
  | { readonly tell: 'loading'; readonly loading: Loading }
  | { readonly tell: 'restoring' }
  | {
      readonly tell: 'prompt';
      readonly state: PromptState;
      /** Text of the scenario that can be run. */
      readonly scenario: string;
    }
  /** `machine`: its number in the run, 0 at the prompt. */
  | { readonly tell: 'console'; readonly bytes: Uint8Array; readonly machine: number }
  | { readonly tell: 'watching'; readonly on: boolean }
  | { readonly tell: 'memory'; readonly memory: MemoryShown }
  | { readonly tell: 'watchingScreen'; readonly on: boolean }
  | { readonly tell: 'screen'; readonly screen: ScreenShown }
  | { readonly tell: 'page'; readonly page: PageShown }
  | { readonly tell: 'recall'; readonly recall: RecallNow }
  /** Another checkpoint was kept, of the machine at the prompt or of a run step by step, and others may have gone for it. */
  | { readonly tell: 'checkpoints'; readonly checkpoints: CheckpointsShown }
  /** The machine at the prompt is going to an instant. */
  | { readonly tell: 'going' }
  /** It is there. `console`: all that its console shows. `tookMs`: real time. */
  | { readonly tell: 'arrived'; readonly console: Uint8Array; readonly tookMs: number }
  /** The machine at the prompt stands. */
  | {
      readonly tell: 'stands';
      readonly stands: StandsAt;
      /** What was done up to there. Undefined for a machine that was taken over from a run. */
      readonly session: SessionFile | undefined;
      /** State hash of the session with which the page was opened, where the machine of that stood. */
      readonly expected: string | undefined;
    }
  /** The tab is to keep this of the machine at the console, in the place of what it has kept, or no longer anything of it. */
  | { readonly tell: 'keep'; readonly kept: KeptMachine | undefined }
  /** Nobody gets what was typed into the console, because the machine there is that of a run. */
  | { readonly tell: 'refusedKeys' }
  /** The machine at the prompt has ended by itself. */
  | { readonly tell: 'ended'; readonly why: string }
  | {
      readonly tell: 'running';
      /** The run begins anew to get to this place, and pauses there. */
      readonly again: Again | undefined;
    }
  /** The scenario cannot be run. Nothing has changed. */
  | { readonly tell: 'refused'; readonly message: string; readonly remedy: string | undefined }
  /** The machines of the scenario stand until they are told to go on. */
  | ({ readonly tell: 'paused' } & Pause)
  /** The pause has ended. */
  | { readonly tell: 'goingOn' }
  /** The disks of the scenario's machines, before the first one writes to them. */
  | { readonly tell: 'disks'; readonly disks: readonly DiskShown[] }
  /** Where a disk proof has found differences; it replaces what was told before. */
  | { readonly tell: 'differences'; readonly differences: readonly DifferenceShown[] }
  /** Where a disk proof has found the image; it replaces what was told before. */
  | { readonly tell: 'image'; readonly image: ImageShown }
  /** What the live timeline of the machine that stands has redirected, if it is in one; it replaces what was told before. */
  | { readonly tell: 'redirected'; readonly ranges: readonly RedirectedRange[] }
  | { readonly tell: 'sector'; readonly sector: SectorShown }
  /** A step of the scenario begins. `fraction`: the part of the scenario that is done, if known. */
  | { readonly tell: 'step'; readonly what: string; readonly fraction: number | undefined }
  /** All that a machine of the scenario has shown so far; it replaces what was told of it before. */
  | { readonly tell: 'machine'; readonly machine: MachineShown }
  /** What a machine, 1 for the first, has written since `machine` was told last, or since the last `wrote` after that. */
  | { readonly tell: 'wrote'; readonly machine: number; readonly written: Written }
  | { readonly tell: 'finding'; readonly finding: Finding }
  | { readonly tell: 'fault'; readonly fault: FaultSeen }
  | { readonly tell: 'command'; readonly command: CommandOutcome }
  /** The report as the command line would print it, as far as it is known. */
  | { readonly tell: 'growing'; readonly text: string }
  /** `text`: the report as the command line prints it. */
  | {
      readonly tell: 'verdict';
      readonly report: Report;
      /** All that the run can go to, if it was run step by step. It has passed some of them without a pause. */
      readonly places: readonly PlaceShown[];
      readonly text: string;
      readonly session: SessionFile;
      /** State hash of the session with which the page was opened, if its scenario was run. */
      readonly expected: string | undefined;
    }
  /** What the browser keeps of the disks. */
  | { readonly tell: 'stored'; readonly stored: Stored }
  | { readonly tell: 'failed'; readonly message: string; readonly remedy: string | undefined };
