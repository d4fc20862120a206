// SPDX-License-Identifier: MIT
/** A session: a machine at its prompt, and then a run of the page's scenario. */
import { bootStates } from '../../../cycle/boot.js';
import type { Standing } from '../../../cycle/steps/context.js';
import { createBrowserEngine } from '../../../engines/v86/host-browser/engine.js';
import type { Engine, Machine } from '../../../machine/contract.js';
import { concat } from '../../../machine/bytes.js';
import { InputError, RigError } from '../../../machine/errors.js';
import { renderText } from '../../../report/text.js';
import { SESSION_FORMAT, type SessionFile } from '../../../scenario/session-file.js';
import {
  loadMachine,
  loadScenario,
  loadSymbols,
  placeStored,
  type LoadedMachine,
  type LoadedScenario,
} from '../storage/machine-files.js';
import { sha256Hex } from '../storage/digest.js';
import { openPieceStore } from '../storage/piece-store.js';
import { changed, changeOf, sessionFor } from './edited.js';
import { memoryReader } from './memory-reader.js';
import { createMemoryWatch } from './memory-watch.js';
import { nextStretchMs, STRETCH_MS } from './pace.js';
import type { Again, FromSession, ToSession } from './protocol.js';
import { runScenario } from './run.js';
import { createWalk } from './walk.js';

/** Guest time from the saved state to the prompt of its shell, with some to spare. */
export const PROMPT_MS = 100;

/** Answers what handles the page's messages, one after another; only input for the console and what ends a pause do not wait. */
export function createSession(tell: (message: FromSession) => void): (message: ToSession) => void {
  let opened:
    { readonly machine: LoadedMachine; readonly engine: Engine; readonly session: SessionFile | undefined } | undefined;
  let typed: Uint8Array[] = [];
  let conversation: { ends: boolean; readonly over: Promise<void> } | undefined;
  let last: Promise<void> = Promise.resolve();
  const walk = createWalk(
    sha256Hex,
    (pause) => tell({ tell: 'paused', ...pause }),
    () => tell({ tell: 'goingOn' }),
  );
  const memory = createMemoryWatch(tell, () => performance.now());

  const open = async (url: string, sessionText: string | undefined): Promise<void> => {
    const loaded = await loadMachine(url, (loading) => tell({ tell: 'loading', loading }));
    const session = sessionText === undefined ? undefined : sessionFor(sessionText, loaded);
    const loadedMs = performance.now();
    tell({ tell: 'restoring' });
    const { config, agentReady, wasm, workerUrl } = loaded;
    const engine = createBrowserEngine({ workerUrl, wasm });
    opened = { machine: loaded, engine, session };
    const machine = await engine.restore(config, agentReady.checkpoint);
    tell({ tell: 'console', bytes: agentReady.seen.console });
    const { instructions, virtualMs } = await machine.run({ virtualMsMax: PROMPT_MS, onConsole: show });
    const promptMs = performance.now();
    const state = { instructions, virtualMs, stateHash: await machine.stateHash(), loadedMs, promptMs };
    tell({ tell: 'prompt', state, scenario: session?.scenario ?? loaded.description.scenario.text });
    const begun = { ends: false, over: Promise.resolve() };
    begun.over = converse(machine, loaded, virtualMs, begun).catch(fail);
    conversation = begun;
    const store = await openPieceStore();
    if (store) await placeStored(loaded, store);
    await tellStored();
  };

  /** Runs the machine at the speed of real time, with the typed input, until it ends or has to end. */
  const converse = async (
    machine: Machine,
    loaded: LoadedMachine,
    beganMs: number,
    until: { readonly ends: boolean },
  ): Promise<void> => {
    try {
      const tellMemory = memory.of(async () =>
        memoryReader(machine, await loadSymbols(loaded, () => undefined), loaded.agentReady.seen.markers),
      );
      let nowMs = beganMs;
      let stretchMs = STRETCH_MS;
      while (!until.ends) {
        await tellMemory(nowMs);
        const startMs = performance.now();
        const bytes = concat(typed);
        typed = [];
        const { reason, virtualMs } = await machine.run({
          virtualMsMax: stretchMs,
          send: bytes.length > 0 ? [{ channel: 'console', bytes }] : [],
          onConsole: show,
        });
        if (reason.why !== 'timeout') return tell({ tell: 'ended', why: reason.why });
        nowMs = virtualMs;
        const tookMs = performance.now() - startMs;
        await new Promise<void>((resolve) => setTimeout(resolve, Math.max(0, stretchMs - tookMs)));
        stretchMs = nextStretchMs(stretchMs, tookMs);
      }
    } finally {
      await machine.close();
    }
  };

  const run = async (stepwise: boolean, text: string, again?: Again): Promise<void> => {
    if (!opened) throw new RigError('there is no machine: the page has not been loaded');
    const { machine, engine, session } = opened;
    const { description } = machine;
    const own = description.scenario.text;
    let change: ReturnType<typeof changeOf> | undefined;
    try {
      change = text === own ? undefined : changeOf(text, own);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return refuse(error);
    }
    if (conversation) conversation.ends = true;
    await conversation?.over;
    tell({ tell: 'running', again });
    const loaded = await loadScenario(machine, (loading) => tell({ tell: 'loading', loading }));
    const scenario = change ? await changed(loaded, change, text) : loaded;
    const options = stepwise ? walk.begin(text, again, lookAt(scenario)) : { states: bootStates() };
    const report = await runScenario(scenario, engine, tell, options).catch((error: unknown) => {
      if (!walk.isLeft(error)) throw error;
    });
    if (!report) return;
    walk.end();
    tell({
      tell: 'verdict',
      report,
      text: renderText(report, { colour: false }),
      session: {
        sessionFormat: SESSION_FORMAT,
        snapback: description.snapback,
        scenario: text,
        artifacts: description.artifacts,
        stateHash: report.stateHash,
      },
      expected: text === session?.scenario ? session.stateHash : undefined,
    });
    await tellStored();
  };

  const lookAt =
    ({ systemMap }: LoadedScenario) =>
    ({ machine, virtualMs, layout }: Standing): (() => Promise<void>) =>
      memory.standing(() => memoryReader(machine, systemMap, layout ? [layout] : []), virtualMs);

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

  const tellStored = async (): Promise<void> => {
    const store = await openPieceStore();
    if (store) tell({ tell: 'stored', stored: await store.trim() });
  };

  const emptyStore = async (): Promise<void> => {
    const store = await openPieceStore();
    if (store) tell({ tell: 'stored', stored: await store.empty() });
  };

  const show = (bytes: Uint8Array): void => tell({ tell: 'console', bytes });
  const fail = (error: unknown): void => {
    const { message, remedy } = (error ?? {}) as { readonly message?: string; readonly remedy?: string };
    tell({ tell: 'failed', message: message ?? String(error), remedy });
  };

  const refuse = ({ message, remedy }: InputError): void => tell({ tell: 'refused', message, remedy });

  const act = (message: Extract<ToSession, { readonly do: 'open' | 'run' | 'emptyStore' }>): Promise<void> => {
    switch (message.do) {
      case 'open':
        return open(message.url, message.session);
      case 'run':
        return run(message.stepwise, message.text);
      case 'emptyStore':
        return emptyStore();
    }
  };

  return (message) => {
    switch (message.do) {
      case 'type':
        typed.push(message.bytes);
        return;
      case 'goOn':
        return walk.goOn(message.all);
      case 'change':
        return runAgain((own) => walk.change(message.doing, message.typed, (text) => changeOf(text, own)));
      case 'goTo':
        return runAgain(() => walk.goTo(message.moment));
      case 'watchMemory':
        return memory.watch(message.on);
      case 'askPage':
        return memory.ask(message.frame);
      default:
        last = last.then(() => act(message)).catch(fail);
    }
  };
}
