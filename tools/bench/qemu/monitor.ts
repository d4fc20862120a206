// SPDX-License-Identifier: MIT
/** QEMU's machine protocol (QMP), as much of it as saving a state and hearing of a start needs. */
import { RigError } from '../../../emulator/machine/errors.js';
import { openLine } from './channels.js';

export interface Monitor {
  readonly arguments: readonly string[];
  /** Resolves when the guest has begun to run after a start from a saved state. */
  resumed(): Promise<void>;
  /** Writes the state of the machine; it does not run any more then. */
  saveState(path: string): Promise<void>;
  close(): void;
}

interface Message {
  readonly QMP?: object;
  readonly event?: string;
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

const POLL_MS = 20;

export async function openMonitor(dir: string): Promise<Monitor> {
  let text = '';
  const answers: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];
  let onResume = (): void => undefined;
  const resumed = new Promise<void>((resolve) => (onResume = resolve));

  const take = (message: Message): void => {
    if (message.QMP) void ask('qmp_capabilities').catch(() => undefined);
    else if (message.event === 'RESUME') onResume();
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

  return {
    arguments: ['-chardev', `socket,id=monitor,path=${line.path}`, '-mon', 'chardev=monitor,mode=control'],
    resumed: () => resumed,
    async saveState(path) {
      await ask('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 });
      await ask('migrate', { uri: `exec:cat > '${path}'` });
      for (;;) {
        const { status } = (await ask('query-migrate')) as { status?: string };
        if (status === 'completed') return;
        if (status === 'failed' || status === 'cancelled') throw new RigError(`QEMU could not save its state (${status})`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    },
    close: () => line.close(),
  };
}
