// SPDX-License-Identifier: MIT
/** Machines that do not move any more, and workers that read no message any more. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { watch } from '../../../emulator/engines/v86/watchdog.js';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { EXIT, StallError } from '../../../emulator/machine/errors.js';
import { buildProgram } from '../../../esbuild.config.mjs';
import { silentEngine, spinningConfig, spinningEngine } from './fixtures/spinning.js';

t.test('only a silence that lasts is one', (t) => {
  let look = (): void => undefined;
  let everyMs = 0;
  let stopped = 0;
  const timers = {
    every: (ms: number, act: () => void) => {
      [everyMs, look] = [ms, act];
      return () => void (stopped += 1);
    },
    after: () => () => undefined,
  };
  let signs = 0;
  let silences = 0;
  watch(
    () => signs,
    1000,
    timers,
    () => (silences += 1),
  );
  t.equal(everyMs, 100);
  const looks = (count: number): void => {
    for (let done = 0; done < count; done++) look();
  };
  looks(9);
  signs += 1;
  looks(10);
  t.equal(silences, 0, 'a sign in between, after which it begins anew');
  look();
  t.same([silences, stopped], [1, 1]);
  t.end();
});

t.test('a worker that spins is given up, and says where it was', async (t) => {
  const machine = await (await spinningEngine(t.testdir(), 300)).powerOn(spinningConfig);
  t.teardown(() => machine.close());
  const error = await machine.run({ virtualMsMax: 1000 }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  t.ok(error instanceof StallError);
  t.match(error, {
    message:
      'the machine has not moved at all for 0.3 s of real time; its last marker is copy:begin, at instruction 4711',
    exitCode: EXIT.guestFailed,
    lastMarker: { instruction: 4711 },
  });
  await t.rejects(machine.stateHash(), StallError, 'its state is lost');
});

t.test('a worker that never starts is given up', async (t) => {
  const engine = await silentEngine(t.testdir(), 300);
  await t.rejects(engine.powerOn(spinningConfig), {
    message: "the machine's worker has not started for 0.3 s",
    exitCode: EXIT.rigFailed,
    remedy: /reload the page/,
  });
});

t.test('an interruption does not wait for a worker that spins', async (t) => {
  const machine = await (await spinningEngine(t.testdir())).powerOn(spinningConfig);
  t.teardown(() => machine.close());
  const reason = new Error('enough');
  const stop = new AbortController();
  setTimeout(() => stop.abort(reason), 100);
  const began = performance.now();
  await t.rejects(machine.run({ virtualMsMax: 1000, signal: stop.signal }), reason);
  t.ok(performance.now() - began < 30_000);
});

t.test('every signal ends a command whose machine spins', async (t) => {
  const program = await buildProgram(packagePath('test', 'unit', 'engines', 'fixtures', 'run-spinning.ts'));
  // A folder each: one must not read a file that another is writing.
  const dir = t.testdir({ SIGINT: {}, SIGTERM: {}, SIGHUP: {} });
  const ends = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map(
    (signal) =>
      new Promise<readonly [status: number | null, output: string]>((resolve) => {
        const child = spawn(process.execPath, [program, join(dir, signal)], { stdio: ['ignore', 'pipe', 'inherit'] });
        let output = '';
        child.stdout.on('data', (chunk: Buffer) => {
          output += chunk.toString();
          if (output === 'running\n') setTimeout(() => child.kill(signal), 200);
        });
        child.on('close', (status) => resolve([status, output]));
      }),
  );
  for (const end of await Promise.all(ends)) t.same(end, [EXIT.interrupted, 'running\nsnapback: interrupted\n']);
});
