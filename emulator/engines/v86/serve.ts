// SPDX-License-Identifier: MIT
/** The worker's side: serves requests for one machine. It does not depend on the host, which supplies what differs. */
import { receiveBase, type PieceSource } from '../../disks/pieces.js';
import type { MarkerSeen, RunReport } from '../../machine/contract.js';
import { InputError, RigError } from '../../machine/errors.js';
import { createNews, type SoFar } from '../../machine/written.js';
import { createChance, type Chance } from './chance.js';
import { createClock, installVirtualTime, type Clock, type TimeScope } from './clock.js';
import { createCore, type Core } from './core.js';
import type { V86Constructor } from './internals.js';
import { createModuleCache, type CompileGenerated } from './jit.js';
import type { Answers, Failure, FromWorker, Request, ToWorker } from './protocol.js';

const INSTRUCTIONS_PER_MS = 500_000;
/**
 * Host time that the worker runs before it looks for messages, and so the maximum delay of a Ctrl-C. It does not
 * influence the run.
 */
const SLICE_MS = 15;
/** Host time between two messages `alive` of a run. */
const SIGN_EVERY_MS = 1000;

export interface WorkerHost {
  readonly scope: TimeScope & { Math: { random: () => number } };
  /** Imports v86; called once, after time has been replaced. */
  readonly importV86: () => Promise<V86Constructor>;
  /** The host's own clock, taken before time is replaced. */
  readonly hostMs: () => number;
  /** Lets the event loop handle waiting messages. */
  readonly yieldToHost: () => Promise<void>;
  readonly compileGenerated?: CompileGenerated;
  /** Gets a piece of a disk within the call; absent where all disks are whole. */
  readonly readPiece?: PieceSource;
  readonly sha256: (parts: readonly Uint8Array[]) => Promise<string>;
  readonly post: (message: FromWorker, transfer: readonly ArrayBuffer[]) => void;
  readonly onMessage: (listener: (message: ToWorker) => void) => void;
}

export function serve(host: WorkerHost): void {
  host.post({ kind: 'alive' }, []);
  const cache = createModuleCache(host.compileGenerated);
  const world: World = { clock: undefined, chance: undefined, wallClockMs: 0 };
  const v86 = importInto(world, host);
  // A failure of the import is reported to the request that makes the machine.
  v86.catch(() => undefined);
  let making: Promise<Core> | undefined;
  let core: Core | undefined;
  let abortWanted = false;

  const machine = (): Core => {
    if (!core) throw new RigError('the machine has not been made');
    return core;
  };

  const make = async ({ config, bases, v86Module, compiled }: Request & { ask: 'make' }): Promise<Core> => {
    for (const code of compiled) cache.add(code);
    const clock = createClock(config.instructionsPerMs ?? INSTRUCTIONS_PER_MS);
    const chance = createChance(config.seed);
    Object.assign(world, { clock, chance, wallClockMs: config.wallClockMs });
    const onMarker = (marker: MarkerSeen): void => host.post({ kind: 'marker', marker }, []);
    const disks = bases.map((sent) => ({ base: receiveBase(sent, host.readPiece ?? noPieces) }));
    return createCore({ ...config, disks }, { V86: await v86, v86Module, clock, chance, cache, onMarker });
  };

  const answer = async (request: Request): Promise<Answers[keyof Answers]> => {
    switch (request.ask) {
      case 'make':
        making = make(request);
        core = await making;
        return true;
      case 'load':
        // It can come before the machine has been made.
        (await (making ?? machine())).restore(request.checkpoint);
        return true;
      case 'equip':
        world.wallClockMs = request.late.wallClockMs;
        machine().equip(request.late);
        return true;
      case 'run':
        abortWanted = false;
        return { report: await drive(machine(), request), compiled: cache.takeCompiled() };
      case 'read': {
        const memory = machine().memory();
        if (request.at + request.lengthBytes > memory.length)
          throw new InputError(`the machine has no memory at ${request.at + request.lengthBytes - 1}`);
        return memory.slice(request.at, request.at + request.lengthBytes);
      }
      case 'capture':
        return machine().captureMemory();
      case 'screen':
        return { rows: machine().screenRows() };
      case 'share':
        return { entries: machine().shareEntries() };
      case 'hash':
        return host.sha256(machine().hashParts());
      case 'checkpoint':
        return machine().checkpoint();
    }
  };

  const drive = async (
    core: Core,
    { request, wantsConsole, wantsProgress, wantsWritten }: Request & { ask: 'run' },
  ): Promise<RunReport> => {
    core.begin(request);
    let shown = 0;
    const news = createNews();
    const tellWritten = (soFar: SoFar): void => {
      const written = wantsWritten ? news(soFar) : undefined;
      if (written) host.post({ kind: 'written', written }, []);
    };
    let signAt = host.hostMs() + SIGN_EVERY_MS;
    for (;;) {
      const until = host.hostMs() + SLICE_MS;
      let report: RunReport | undefined;
      do report = core.advance();
      while (!report && host.hostMs() < until);
      if (wantsConsole) {
        const bytes = report ? report.console.slice(shown) : core.consoleSince(shown);
        shown += bytes.length;
        if (bytes.length > 0) host.post({ kind: 'console', bytes }, []);
      }
      tellWritten(report ?? core.soFar());
      if (report) return report;
      if (wantsProgress)
        host.post({ kind: 'progress', instructions: core.instructions(), virtualMs: core.virtualMs() }, []);
      if (until > signAt) {
        host.post({ kind: 'alive' }, []);
        signAt = until + SIGN_EVERY_MS;
      }
      await host.yieldToHost();
      if (abortWanted) return core.abort();
    }
  };

  host.onMessage((message) => {
    if (message.kind === 'abort') {
      abortWanted = true;
      return;
    }
    const { id, request } = message;
    answer(request).then(
      (value) => host.post({ kind: 'answer', id, value }, movable(value)),
      (error: unknown) => host.post({ kind: 'failure', id, failure: describe(error) }, []),
    );
  });
}

const noPieces: PieceSource = (name) => {
  throw new RigError(`this host cannot get the piece ${name} of a disk`);
};

/** The time and chance that v86 uses. Until the machine is started, the time is 0. */
interface World {
  clock: Clock | undefined;
  chance: Chance | undefined;
  wallClockMs: number;
}

/** Imports v86 under virtual time. It reads neither time nor chance before the machine is made. */
async function importInto(world: World, host: WorkerHost): Promise<V86Constructor> {
  const { releasePerformance } = installVirtualTime(
    host.scope,
    () => world.clock?.virtualMs() ?? 0,
    () => world.wallClockMs,
  );
  host.scope.Math.random = () => world.chance?.fraction() ?? 0;
  const V86 = await host.importV86();
  releasePerformance();
  return V86;
}

/** Large results are transferred to the rig, not copied. */
function movable(value: Answers[keyof Answers]): ArrayBuffer[] {
  const arrays =
    value instanceof Uint8Array
      ? [value]
      : typeof value === 'object' && 'report' in value
        ? value.report.captures.map(({ memory }) => memory)
        : [];
  return arrays.map((bytes) => bytes.buffer as ArrayBuffer);
}

function describe(error: unknown): Failure {
  if (error instanceof InputError || error instanceof RigError) {
    const cause = error.cause instanceof Error ? error.cause.stack : undefined;
    return {
      type: error instanceof InputError ? 'InputError' : 'RigError',
      message: error.message,
      remedy: error.remedy,
      stack: cause ?? error.stack,
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    type: 'RigError',
    message: `the machine's worker failed: ${message}`,
    remedy: undefined,
    stack: error instanceof Error ? error.stack : undefined,
  };
}
