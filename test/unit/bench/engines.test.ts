// SPDX-License-Identifier: MIT
/** The engines beside each other: from what was measured to what is said. */
import t from 'tap';
import { enginesResult, renderEngines } from '../../../tools/bench/engines/result.js';
import type { CycleSample } from '../../../tools/bench/workload.js';

const cycle = (ms: number, boot = 0): CycleSample => ({
  times: { ms, phases: { boot, work: 0, suspend: 0, resume: 0, verify: 0, check: 0 } },
  cpuMs: ms,
});
const samples = {
  hotAtSuspend: [cycle(4000), cycle(4200)],
  hot: [cycle(5000), cycle(5000)],
  qemu: [cycle(9000, 4000), cycle(9000, 4000)],
  qemuOnTwo: [cycle(8000), cycle(8000)],
};

t.test('the aim is that of v86 before the suspend over QEMU on one processor from power-on', (t) => {
  const result = enginesResult(samples);
  t.ok(result.verdict.met);
  t.equal(result.verdict.ratio.ofMedians.toFixed(3), '0.456');
  t.equal(result.hotOverQemuWithoutBoot.ofMedians, 1);
  t.equal(result.overQemu.qemuOnTwo.ofMedians.toFixed(3), '0.889');
  t.notOk(enginesResult({ ...samples, hotAtSuspend: [cycle(4600), cycle(4600)] }).verdict.met);
  const text = renderEngines(result);
  t.match(text, /from power-on 0\.456, aim at most 0\.5: met/);
  t.match(text, /QEMU, two processors, from power-on +8\.00 s/);
  t.end();
});
