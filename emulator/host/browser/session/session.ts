// SPDX-License-Identifier: MIT
/** A session: a machine at its prompt, and then a run of the page's scenario. */
import { createBrowserEngine } from '../../../engines/v86/host-browser/engine.js';
import type { Engine, Machine } from '../../../machine/contract.js';
import { concat } from '../../../machine/bytes.js';
import { InputError, RigError } from '../../../machine/errors.js';
import { renderText } from '../../../report/text.js';
import { SESSION_FORMAT, type SessionFile } from '../../../scenario/session-file.js';
import { loadMachine, loadScenario, loadSymbols, placeStored, type LoadedMachine } from '../storage/machine-files.js';
import { openPieceStore } from '../storage/piece-store.js';
import { changed, changeOf, sessionFor } from './edited.js';
import { memoryReader } from './memory-reader.js';
import { createMemoryWatch } from './memory-watch.js';
import { nextStretchMs, STRETCH_MS } from './pace.js';
import type { FromSession, ToSession } from './protocol.js';
import { runScenario } from './run.js';
import { createStepper, type Stepper } from './stepper.js';

/** Guest time from the saved state to the prompt of its shell, with some to spare. */
export const PROMPT_MS = 100;

/** Answers what handles the page's messages, one after another; only input for the console and the end of a pause do not wait. */
export function createSession(tell: (message: FromSession) => void): (message: ToSession) => void {
  let opened:
    { readonly machine: LoadedMachine; readonly engine: Engine; readonly session: SessionFile | undefined } | undefined;
  let typed: Uint8Array[] = [];
  let conversation: { ends: boolean; readonly over: Promise<void> } | undefined;
  let last: Promise<void> = Promise.resolve();
  let stepper: Stepper | undefined;
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

  const run = async (stepwise: boolean, text: string): Promise<void> => {
    if (!opened) throw new RigError('there is no machine: the page has not been loaded');
    const { machine, engine, session } = opened;
    const { description } = machine;
    const own = description.scenario.text;
    let change: ReturnType<typeof changeOf> | undefined;
    try {
      change = text === own ? undefined : changeOf(text, own);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return tell({ tell: 'refused', message: error.message, remedy: error.remedy });
    }
    if (conversation) conversation.ends = true;
    await conversation?.over;
    tell({ tell: 'running' });
    const loaded = await loadScenario(machine, (loading) => tell({ tell: 'loading', loading }));
    const scenario = change ? await changed(loaded, change, text) : loaded;
    stepper = stepwise
      ? createStepper(
          (next) => tell({ tell: 'paused', next }),
          () => tell({ tell: 'goingOn' }),
        )
      : undefined;
    const report = await runScenario(scenario, engine, tell, stepper?.pause);
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

  const act = (
    message: Exclude<ToSession, { readonly do: 'type' | 'goOn' | 'watchMemory' | 'askPage' }>,
  ): Promise<void> => {
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
    if (message.do === 'type') typed.push(message.bytes);
    else if (message.do === 'goOn') stepper?.goOn(message.all);
    else if (message.do === 'watchMemory') memory.watch(message.on);
    else if (message.do === 'askPage') memory.ask(message.frame);
    else last = last.then(() => act(message)).catch(fail);
  };
}
