// SPDX-License-Identifier: MIT
/** The part of QEMU's machine protocol (QMP) that saving and loading a state needs. */
import { RigError } from '../../../emulator/machine/errors.js';
import { openLine } from './channels.js';

export interface Monitor {
  readonly arguments: readonly string[];
  stop(): Promise<void>;
  /** Writes the state of the stopped machine. */
  saveState(path: string): Promise<void>;
  /** Loads a state into a machine that was started to wait for one, and lets it run. */
  loadState(path: string): Promise<void>;
  close(): void;
}

interface Message {
  readonly QMP?: object;
  readonly event?: string;
  readonly data?: { readonly status?: string };
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

export async function openMonitor(dir: string): Promise<Monitor> {
  let text = '';
  const answers: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];
  let onMigration = (_status: string): void => undefined;
  let onGreeting = (): void => undefined;
  const greeted = new Promise<void>((resolve) => (onGreeting = resolve));

  const take = (message: Message): void => {
    if (message.QMP) onGreeting();
    else if (message.event === 'MIGRATION') onMigration(message.data?.status ?? '');
    else if (message.error) answers.shift()?.reject(new RigError(`QEMU refused: ${message.error.desc}`));
    else if ('return' in message) answers.shift()?.resolve(message.return);
  };
  const line = await openLine(dir, 'monitor', (bytes) => {
    const parts = (text + Buffer.from(bytes).toString('utf8')).split('\n');
    text = parts.pop() ?? '';
    for (const part of parts) if (part.trim() !== '') take(JSON.parse(part) as Message);
  });
  const ask = (execute: string, options: object = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      answers.push({ resolve, reject });
      line.send(Buffer.from(`${JSON.stringify({ execute, arguments: options })}\n`));
    });

  const ready = greeted.then(async () => {
    await ask('qmp_capabilities');
    await ask('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] });
    await ask('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 });
  });
  // The user of this promise awaits it. A machine that ends earlier must not cause an unhandled rejection.
  ready.catch(() => undefined);

  /** Waits for the end of the migration that `start` starts. */
  const migration = async (start: () => Promise<unknown>, what: string): Promise<void> => {
    await ready;
    const ended = new Promise<void>((resolve, reject) => {
      onMigration = (status) => {
        if (status === 'completed') resolve();
        else if (status === 'failed') reject(new RigError(`QEMU could not ${what} a state`));
      };
    });
    await start();
    await ended;
  };

  return {
    arguments: ['-chardev', `socket,id=monitor,path=${line.path}`, '-mon', 'chardev=monitor,mode=control'],
    async stop() {
      await ready;
      await ask('stop');
    },
    saveState: (path) => migration(() => ask('migrate', { uri: `exec:cat > '${path}'` }), 'save'),
    async loadState(path) {
      await migration(() => ask('migrate-incoming', { uri: `exec:cat '${path}'` }), 'load');
      await ask('cont');
    },
    close: () => line.close(),
  };
}
