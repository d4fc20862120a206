// SPDX-License-Identifier: MIT
/** A session: a machine at its prompt, and then a run of the page's scenario. */
import { bootStates } from '../../../cycle/boot.js';
import type { Standing } from '../../../cycle/steps/context.js';
import { blobsBegin } from '../../../engines/checkpoint-format.js';
import { createBrowserEngine } from '../../../engines/v86/host-browser/engine.js';
import { concat } from '../../../machine/bytes.js';
import type { Engine, MarkerSeen } from '../../../machine/contract.js';
import { InputError, RigError } from '../../../machine/errors.js';
import { renderText } from '../../../report/text.js';
import { SESSION_FORMAT, type SessionFile, type Within } from '../../../scenario/session-file.js';
import {
  loadMachine,
  loadScenario,
  loadSymbols,
  placeStored,
  type LoadedMachine,
  type LoadedScenario,
} from '../storage/machine-files.js';
import { sha256Hex } from '../storage/digest.js';
import { loadJson } from '../storage/download.js';
import { openPieceStore } from '../storage/piece-store.js';
import { descriptionPath, LIST_PATH, readList } from '../storage/scenario-list.js';
import { converse, type Conversation } from './conversation.js';
import { changed, changeOf, keptFor, sessionFor } from './edited.js';
import { createDiskReader, type DiskReader } from './disk-reader.js';
import { createFateReader, type FateReader } from './fate-reader.js';
import { memoryReader, type MemoryReader } from './memory-reader.js';
import { readRedirected } from './redirected-reader.js';
import { createKeeper } from './keeper.js';
import { createKeys } from './keys.js';
import { createLinks } from './links.js';
import { createMemoryWatch } from './memory-watch.js';
import type { Again, FromSession, ToSession } from './protocol.js';
import { machineAtPrompt } from './prompt.js';
import { createCheckpoints } from './recall/checkpoints.js';
import { createRecall, type Origin, type Player } from './recall/recall.js';
import { rememberingEngine, type Remembering } from './recall/remembering.js';
import { takenFrom } from './recall/handover.js';
import { runScenario } from './run.js';
import { createScreenWatch } from './screen-watch.js';
import { createStoreWork } from './store-work.js';
import { createWalk, nameOf, type TakenOver } from './walk.js';

/** The most that all checkpoints of a session may need, of the machine at the prompt and of runs. */
const CHECKPOINT_BYTES_MAX = 384e6;
/** The machines of runs have the numbers from here on among the checkpoints. */
const FIRST_LINE_OF_RUNS = 1e6;
/** Likewise where those that were taken over begin. */
const FIRST_LINE_OF_TAKEN = 2e6;
/** Real time between two reports of where that machine is, while it moves. */
const MOVE_EVERY_MS = 250;

interface Opened {
  readonly machine: LoadedMachine;
  readonly engine: Engine;
  /** Of the machines of runs step by step. */
  readonly remembering: Remembering;
  readonly session: SessionFile | undefined;
  /** Loaded by the first run. */
  scenario: Promise<LoadedScenario> | undefined;
}

/** Each leaves, whether the others can or not. */
const leaveAll = async (leaves: readonly (() => Promise<void>)[]): Promise<void> => {
  await Promise.all(leaves.map((leave) => leave()));
};

/** A machine that stands has the same memory each time, so all who look at it share one capture. */
function capturedOnce(machine: Standing['machine']): Standing['machine'] {
  let captured: Promise<Uint8Array> | undefined;
  return {
    readMemory: (at, lengthBytes) => machine.readMemory(at, lengthBytes),
    captureMemory: () => (captured ??= machine.captureMemory()),
    ...(machine.readScreen && { readScreen: machine.readScreen }),
  };
}

/** Answers what handles the page's messages, one after another; only input for the console and what ends a pause do not wait. */
export function createSession(tell: (message: FromSession) => void): (message: ToSession) => void {
  let opened: Opened | undefined;
  const keys = createKeys(() => tell({ tell: 'refusedKeys' }));
  let conversation: Conversation | undefined;
  let last: Promise<void> = Promise.resolve();
  const walk = createWalk(
    sha256Hex,
    (pause) => tell({ tell: 'paused', ...pause }),
    () => tell({ tell: 'goingOn' }),
  );
  /** Of the run that there was last. */
  let disks: DiskReader | undefined;
  const memory = createMemoryWatch(tell, () => performance.now());
  const screen = createScreenWatch(tell, () => performance.now());
  const now = (): number => performance.now();
  const checkpoints = createCheckpoints({
    bytesMax: CHECKPOINT_BYTES_MAX,
    gridsOf: ({ bytes }) => blobsBegin(bytes),
    onKeep: (shown) => tell({ tell: 'checkpoints', checkpoints: shown }),
  });
  const recall = createRecall({ checkpoints, now });

  const links = createLinks(tell, now);
  const keeper = createKeeper(tell, now);

  const open = async (asked: Extract<ToSession, { do: 'open' }>): Promise<void> => {
    const { page, scenario, session: sessionText } = asked;
    void tellScenarios(page);
    const loaded = await loadMachine(
      new URL(descriptionPath(scenario), page).href,
      (loading) => tell({ tell: 'loading', loading }),
      (doing) => tell({ tell: 'making', doing }),
    );
    const session = sessionText === undefined ? undefined : sessionFor(sessionText, loaded);
    const kept = asked.kept && keptFor(asked.kept.session, loaded);
    // While the page comes back there it stays, so that this can be given up, and done again.
    if (asked.kept) tell({ tell: 'keep', kept: kept && asked.kept });
    const loadedMs = performance.now();
    tell({ tell: 'restoring' });
    const { config, agentReady, wasm, workerUrl } = loaded;
    const engine = createBrowserEngine({ workerUrl, wasm });
    const remembering = rememberingEngine(engine, { checkpoints, firstLine: FIRST_LINE_OF_RUNS, now });
    const { seen } = agentReady;
    tell({ tell: 'console', bytes: seen.console, machine: 0 });
    const { machine, instructions, virtualMs, console } = await machineAtPrompt(engine, config, agentReady, {
      onConsole: show,
    });
    const promptMs = performance.now();
    const state = { instructions, virtualMs, stateHash: await machine.stateHash(), loadedMs, promptMs };
    const done = kept ?? session;
    const stands = kept ? asked.kept?.isStanding === true : session?.until !== undefined;
    const text = (kept?.within ? kept : session)?.scenario ?? loaded.description.scenario.text;
    tell({ tell: 'prompt', state, scenario: text });
    const shown = concat([seen.console, console]);
    const origin: Origin = {
      begin: { instructions, virtualMs },
      console: shown,
      make: async (checkpoint) =>
        checkpoint ? engine.restore(config, checkpoint) : (await machineAtPrompt(engine, config, agentReady)).machine,
    };
    opened = { machine: loaded, engine, remembering, session, scenario: undefined };
    links.begin(origin, { scenario: text });
    const player = recall.follow(machine, origin);
    if (done?.within) {
      await player.close();
      await comeTo(opened, done, done.within, stands);
    } else {
      if (done?.until) await links.replay(player, done, shown);
      talk(opened, player, stands);
    }
    const store = await openPieceStore();
    if (store) await placeStored(loaded, store);
    stored.tellStored();
  };

  /** The console is that of the player's machine. */
  const talk = (of: Opened, player: Player, stands: boolean): void => {
    const { machine: loaded, session } = of;
    const reader = async (): Promise<MemoryReader> =>
      memoryReader(player.machine, await loadSymbols(loaded, () => undefined), loaded.agentReady.seen.markers);
    const tellMove = (isStanding: boolean): void =>
      tell({
        tell: 'recall',
        recall: { ...recall.shown(), line: player.line(), at: player.at(), isStanding, hasMore: player.hasMore() },
      });
    let dueMs = 0;
    const keeps = keeper(() => links.sessionAt(loaded.description, player));
    const onConsole = (bytes: Uint8Array): void => {
      show(bytes);
      keeps.change();
    };
    const talking = converse(player, stands, {
      onConsole,
      onTyped: keeps.change,
      looks: [memory.of(reader), screen.of(player.machine)],
      stand() {
        const { virtualMs } = player.at();
        const leaves = [memory.standing(reader, virtualMs), screen.standing(player.machine, virtualMs)];
        const told = player.machine.stateHash().then(
          (stateHash) => {
            tell({
              tell: 'stands',
              stands: { ...player.at(), stateHash },
              session: links.sessionAt(loaded.description, player, stateHash),
              expected: links.isThere(player, session) ? session.stateHash : undefined,
            });
          },
          // It has been ended.
          () => undefined,
        );
        return async () => {
          await leaveAll(leaves);
          await told;
        };
      },
      onMove(isStanding) {
        keeps.move(isStanding);
        if (!isStanding && performance.now() < dueMs) return;
        dueMs = performance.now() + MOVE_EVERY_MS;
        tellMove(isStanding);
      },
      now: () => performance.now(),
      wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    });
    conversation = talking;
    keys.give(talking);
    talking.over.then((why) => {
      tellMove(false);
      if (why !== undefined) tell({ tell: 'ended', why });
    }, fail);
  };

  const goToInstant = async (line: number, toMs: number): Promise<void> => {
    if (!opened) throw new RigError('there is no machine: the page has not been loaded');
    keys.wait();
    await conversation?.end();
    tell({ tell: 'going' });
    const startedMs = performance.now();
    const { player, console } = await recall.goTo(line, toMs);
    tell({ tell: 'arrived', console, tookMs: performance.now() - startedMs });
    talk(opened, player, true);
  };

  /** A machine of a run is at the console from now on. `session`: what is typed there. `stands`: whether it stands then. */
  const follow = async (
    { taken, machine: number, scenario }: TakenOver,
    session?: SessionFile,
    stands = true,
  ): Promise<void> => {
    if (!opened) throw new RigError('there is no machine: the page has not been loaded');
    tell({ tell: 'going' });
    const startedMs = performance.now();
    const { machine, instructions, virtualMs, console, make } = taken;
    const first = checkpoints.keep(await machine.checkpoint(), FIRST_LINE_OF_TAKEN, 0);
    first.pin();
    const origin: Origin = {
      begin: { instructions, virtualMs },
      console,
      async make(checkpoint) {
        const made = checkpoint ? make(checkpoint) : first.lend(make);
        if (!made) throw new RigError('the checkpoint of a machine that was taken over is no longer held');
        return made;
      },
    };
    links.begin(origin, { scenario, within: { machine: number, instructions, virtualMs } });
    const player = recall.follow(machine, origin);
    if (session) await links.replay(player, session, console);
    else tell({ tell: 'arrived', console, tookMs: performance.now() - startedMs });
    talk(opened, player, stands);
  };

  /** Runs the scenario of a session up to where its machine was taken over. @throws RigError when the run does something else. */
  const comeTo = async (of: Opened, session: SessionFile, within: Within, stands: boolean): Promise<void> => {
    const { scenario: text } = session;
    tell({ tell: 'running', again: undefined });
    const scenario = await scenarioFor(of, text, changeFor(of, text));
    const taken = await takenFrom(of.engine, within, ({ engine, powersOn }) =>
      runScenario(scenario, engine, tell, { states: bootStates(), onPowerOn: powersOn }, readersOf(scenario)),
    );
    await follow({ taken, machine: within.machine, scenario: text }, session, stands);
  };

  /** Undefined when it is the machine's own. @throws InputError when it cannot be run. */
  const changeFor = ({ machine }: Opened, text: string): ReturnType<typeof changeOf> | undefined => {
    const own = machine.description.scenario.text;
    return text === own ? undefined : changeOf(text, own);
  };

  /** A run that begins anew needs the same again. */
  const scenarioFor = async (
    of: Opened,
    text: string,
    change: ReturnType<typeof changeFor>,
  ): Promise<LoadedScenario> => {
    of.scenario ??= loadScenario(of.machine, (loading) => tell({ tell: 'loading', loading }));
    const loaded = await of.scenario.catch((error: unknown) => {
      of.scenario = undefined;
      throw error;
    });
    return change ? changed(loaded, change, text) : loaded;
  };

  /** They answer about the run that there was last. */
  const readersOf = ({
    config,
    systemMap,
  }: LoadedScenario): { readonly disks: DiskReader; readonly fates: FateReader } => {
    disks = createDiskReader(config.disks);
    return { disks, fates: createFateReader(systemMap) };
  };

  const run = async (stepwise: boolean, text: string, again?: Again): Promise<void> => {
    if (!opened) throw new RigError('there is no machine: the page has not been loaded');
    const { machine, engine, remembering, session } = opened;
    const { description } = machine;
    let change: ReturnType<typeof changeFor>;
    try {
      change = changeFor(opened, text);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return refuse(error);
    }
    keys.refuse();
    await conversation?.end();
    tell({ tell: 'running', again });
    const scenario = await scenarioFor(opened, text, change);
    const readers = readersOf(scenario);
    const look = lookAt(scenario, readers.fates, machine.agentReady.seen.markers);
    const walked = stepwise
      ? { ...walk.begin(text, again, look, remembering.stand), onPowerOn: remembering.powersOn }
      : undefined;
    // A run that is changed comes to its place by another way.
    const isKnown = again && !again.isChanged;
    if (isKnown && walked) remembering.beginPrepared(walked.visit);
    else remembering.begin();
    const options = walked ?? { states: bootStates() };
    const report = await runScenario(scenario, stepwise ? remembering.engine : engine, tell, options, readers).catch(
      (error: unknown) => {
        if (!walk.isLeft(error)) throw error;
      },
    );
    if (!report) return;
    walk.end();
    tell({
      tell: 'verdict',
      report,
      places: stepwise ? walk.places() : [],
      text: renderText(report, { colour: false }),
      session: {
        sessionFormat: SESSION_FORMAT,
        snapback: description.snapback,
        scenario: text,
        artifacts: description.artifacts,
        core: description.core,
        stateHash: report.stateHash,
      },
      expected: text === session?.scenario && !session.until ? session.stateHash : undefined,
    });
    stored.tellStored();
  };

  /** `booted`: the markers of a machine that has booted the same kernel, for one that does not tell its own. */
  const lookAt =
    ({ systemMap }: LoadedScenario, fates: FateReader, booted: readonly MarkerSeen[]) =>
    (given: Standing): (() => Promise<void>) => {
      const standing = { ...given, machine: capturedOnce(given.machine) };
      const { machine, virtualMs, layout, copied } = standing;
      const reader = (): Promise<MemoryReader> =>
        memoryReader(machine, systemMap, layout ? [layout] : booted, { copied, fates });
      let hasLeft = false;
      // One capture, which the machine takes before anything that it is asked later, so nobody has to wait for it.
      readRedirected(standing, systemMap).then(
        (ranges) => {
          if (!hasLeft) tell({ tell: 'redirected', ranges });
        },
        (error: unknown) => {
          if (!hasLeft) fail(error);
        },
      );
      const leaves = [memory.standing(reader, virtualMs), screen.standing(machine, virtualMs)];
      return () => {
        hasLeft = true;
        return leaveAll(leaves);
      };
    };

  /** The run that has paused begins anew. */
  const runAgain = (ask: (own: string) => Again | undefined): void => {
    if (!opened) return;
    try {
      const again = ask(opened.machine.description.scenario.text);
      if (again) last = last.then(() => run(true, again.text, again)).catch(fail);
    } catch (error) {
      if (error instanceof InputError) refuse(error);
      else fail(error);
    }
  };

  /** A page without a list has no other scenario. */
  const tellScenarios = async (page: string): Promise<void> => {
    const found = await loadJson(new URL(LIST_PATH, page).href).catch(() => undefined);
    tell({ tell: 'scenarios', scenarios: readList(found) });
  };

  const show = (bytes: Uint8Array): void => tell({ tell: 'console', bytes, machine: 0 });
  const fail = (error: unknown): void => {
    const { message, remedy } = (error ?? {}) as { readonly message?: string; readonly remedy?: string };
    tell({ tell: 'failed', message: message ?? String(error), remedy });
  };

  const stored = createStoreWork(tell, fail);

  const refuse = ({ message, remedy }: InputError): void => tell({ tell: 'refused', message, remedy });

  const act = (message: Extract<ToSession, { readonly do: 'open' | 'run' | 'goToInstant' }>): Promise<void> => {
    switch (message.do) {
      case 'open':
        return open(message);
      case 'run':
        return run(
          message.stepwise,
          message.text,
          message.to && { text: message.text, to: message.to, leftOut: [], isChanged: true },
        );
      case 'goToInstant':
        return goToInstant(message.line, message.virtualMs);
    }
  };

  return (message) => {
    switch (message.do) {
      case 'type':
        return keys.type(message.bytes);
      case 'stand':
        if (message.on) conversation?.stand();
        else conversation?.goOn();
        return;
      case 'goOn':
        return walk.goOn(message.all);
      case 'takeOver': {
        const over = walk.takeOver();
        if (!over) return;
        keys.wait();
        last = last.then(() => follow(over)).catch(fail);
        return;
      }
      case 'change':
        return runAgain((own) => walk.change(message.doing, message.typed, (text) => changeOf(text, own)));
      case 'goTo':
        return runAgain(() => {
          const again = walk.goTo(message.moment, message.inside);
          if (again) opened?.remembering.prepare(again.inside ?? nameOf(again.to));
          return again;
        });
      case 'watchMemory':
        return memory.watch(message.on);
      case 'watchScreen':
        return screen.watch(message.on);
      case 'emptyStore':
        return stored.empty();
      case 'askSector': {
        const sector = disks?.sector(message.disk, message.sector);
        if (sector) tell({ tell: 'sector', sector });
        return;
      }
      case 'askPage':
        return memory.ask(message.frame);
      default:
        last = last.then(() => act(message)).catch(fail);
    }
  };
}
