// SPDX-License-Identifier: MIT
import t from 'tap';
import { Bound } from '../../../emulator/cycle/bound.js';
import type { Recorder } from '../../../emulator/cycle/recorder.js';

t.test('the waits of a step share a bound, times the patience of the engine', async (t) => {
  for (const patience of [undefined, 15]) {
    let virtualMs = 0;
    const recorder = {
      machine: { ...(patience && { patience }) },
      seen: () => ({ virtualMs, console: new Uint8Array(0) }),
    } as unknown as Recorder;
    const bound = new Bound('resume', recorder, 10_000);
    const left: number[] = [];
    const wait = (ms: number) =>
      bound.during((virtualMsMax) => {
        left.push(virtualMsMax);
        virtualMs += ms * (patience ?? 1);
        return Promise.resolve();
      });
    await wait(4_000);
    await wait(6_000);
    t.same(left, [10_000, 6_000]);
    await t.rejects(wait(1), {
      message: `the resume did not end within ${10 * (patience ?? 1)} s of the guest's time`,
    });
  }
});
