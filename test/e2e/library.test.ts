// SPDX-License-Identifier: MIT
/** Snapback as a library, in a test of one's own: boot a machine, run a program, look into its memory. */
import t from 'tap';
import {
  Agent,
  bootStates,
  byteCache,
  createV86Engine,
  DEFAULT_MACHINE,
  obtainMachineFiles,
  PAGE_BYTES,
  gpa,
  restoreAt,
  STANDARD_DISKS,
  type Booter,
} from '../../tools/library.js';
import { context } from './cycle-support.js';

t.test('a machine from a checkpoint after boot, driven by hand', async (t) => {
  const { config, configKey } = await obtainMachineFiles(DEFAULT_MACHINE, STANDARD_DISKS, context);
  const booter: Booter = {
    engine: createV86Engine(),
    config,
    configKey,
    cache: byteCache(`${context.cacheDir}/checkpoints`),
  };
  const { machine } = await restoreAt(await bootStates().at('agentReady', booter), booter);
  t.teardown(() => machine.close());
  const agent = new Agent(machine);
  await agent.connect();

  const result = await agent.exec(['/bin/sh', '-c', 'uname -s; exit 3']);
  t.match(result, { ended: 'exited', exitCode: 3 });
  t.equal(new TextDecoder().decode(result.stdout), 'Linux\n');

  await agent.putFile('/tmp/hello', new TextEncoder().encode('hello'));
  t.equal(new TextDecoder().decode(await agent.getFile('/tmp/hello')), 'hello');

  const page = await machine.readMemory(gpa(0x10_0000), PAGE_BYTES);
  t.equal(page.length, PAGE_BYTES);
});
