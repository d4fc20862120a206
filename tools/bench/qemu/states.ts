// SPDX-License-Identifier: MIT
/** Saves and loads the state of a QEMU through its monitor. */
import { openMonitor } from '../../../emulator/engines/qemu/host-node/monitor.js';
import { RigError } from '../../../emulator/machine/errors.js';

export interface States {
  stop(): Promise<void>;
  /** Writes the state of the stopped machine. */
  saveState(path: string): Promise<void>;
  /** Loads a state into a machine that was started to wait for one, and lets it run. */
  loadState(path: string): Promise<void>;
  close(): void;
}

/** Real time within which QEMU must answer a command. */
const ANSWER_MS_MAX = 60_000;

/** Listens at `path` for the monitor of QEMU. */
export async function openStates(path: string): Promise<States> {
  let onMigration = (_status: unknown): void => undefined;
  const monitor = await openMonitor(path, ANSWER_MS_MAX, ({ name, data }) => {
    if (name === 'MIGRATION') onMigration(data['status']);
  });
  const ready = monitor.ready().then(async () => {
    await monitor.ask('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] });
    await monitor.ask('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 });
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
    async stop() {
      await ready;
      await monitor.ask('stop');
    },
    saveState: (path) => migration(() => monitor.ask('migrate', { uri: `exec:cat > '${path}'` }), 'save'),
    async loadState(path) {
      await migration(() => monitor.ask('migrate-incoming', { uri: `exec:cat '${path}'` }), 'load');
      await monitor.ask('cont');
    },
    close() {
      monitor.fail(new RigError('QEMU has ended'));
      monitor.close();
    },
  };
}
