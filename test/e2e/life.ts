// SPDX-License-Identifier: MIT
/**
 * One life of the standard machine, in a process of its own: `node tools/run.mjs test/e2e/life.ts save|restore FILE`.
 * With `save` it goes from power-on, leaving a checkpoint behind on its way, with `restore` from that checkpoint.
 * Prints what it came to as JSON.
 */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { standardScenario } from '../../tools/cli/run.js';
import { hashDisk } from '../../emulator/disks/disk.js';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import { obtainMachineFiles } from '../../tools/run/machine-files.js';
import { loadScenario } from '../../tools/run/scenario-file.js';
import type { DiskWrite, RunReport, RunRequest } from '../../emulator/machine/contract.js';
import { USER_MARKERS } from '../../emulator/machine/markers.js';
import { defaultCacheDir } from '../../emulator/host/node/artifacts/context.js';

const [mode, file] = process.argv.slice(2);
if ((mode !== 'save' && mode !== 'restore') || file === undefined) throw new Error('usage: life.ts save|restore FILE');

const sha256 = (bytes: Uint8Array): Promise<string> =>
  Promise.resolve(createHash('sha256').update(bytes).digest('hex'));
const context = {
  cacheDir: defaultCacheDir(),
  progress: (what: string) => console.error(what),
  signal: new AbortController().signal,
};
const { plan, scenario } = await loadScenario(standardScenario(), {});
const { config } = await obtainMachineFiles(plan.machine, scenario.disks, context);

const until = (kind: number): RunRequest => ({
  virtualMsMax: 60_000,
  triggers: [{ when: { on: 'marker', kind }, then: { do: 'stop' } }],
});
const keys = new TextEncoder().encode(
  'cat /proc/interrupts /proc/uptime; dd if=/dev/urandom bs=64k count=16 of=/root/noise; sync; sha256sum /root/noise\n',
);
const engine = createV86Engine();
let first: RunReport | undefined;
const machine = await (async () => {
  if (mode === 'restore') return engine.restore(config, { engine: engine.name, bytes: await readFile(file) });
  const made = await engine.powerOn(config);
  first = await made.run(until(USER_MARKERS.beforeDisk));
  await writeFile(file, (await made.checkpoint()).bytes);
  return made;
})();
const reports = [
  await machine.run(until(USER_MARKERS.agentReady)),
  await machine.run({ virtualMsMax: 3_000, send: [{ channel: 'console', bytes: keys }] }),
];
const last = reports.at(-1);
const consoleBytes = Buffer.concat(reports.map(({ console: bytes }) => bytes));
const logs: DiskWrite[][] = config.disks.map((_, disk) => reports.flatMap(({ writes }) => writes[disk] ?? []));
if (first?.writes.some((log) => log.length > 0) === true)
  throw new Error('something was written before the first disk access');
process.stdout.write(
  `${JSON.stringify({
    reasons: reports.map(({ reason }) => reason),
    instructions: last?.instructions,
    virtualMs: last?.virtualMs,
    stateHash: await machine.stateHash(),
    ram: await sha256(await machine.captureMemory()),
    disks: await Promise.all(config.disks.map((disk, at) => hashDisk({ ...disk, overlay: logs[at] ?? [] }, sha256))),
    writes: logs.map((log) => log.length),
    console: await sha256(consoleBytes),
    consoleTail: consoleBytes.toString('latin1').split('\n').slice(-8),
  })}\n`,
);
await machine.close();
