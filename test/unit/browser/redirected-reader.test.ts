// SPDX-License-Identifier: MIT
/** What a pause of a run tells of redirected sectors. */
import t from 'tap';
import { RigError } from '../../../emulator/machine/errors.js';
import { MARKER_LAYOUT } from '../../../emulator/machine/markers.js';
import { readRedirected } from '../../../emulator/host/browser/session/redirected-reader.js';
import { next, START } from '../../../emulator/host/browser/session/state.js';
import { substitutedKernel } from '../memory/substituted-kernel.js';
import { I386, type SyntheticMachine } from '../memory/synthetic-kernel.js';

const standing = (isLive: boolean, machine: SyntheticMachine = I386, shift?: number) => {
  const made = substitutedKernel(machine, [[{ disk: 'sda', start: 0, chunks: { 5: 0b110 } }]], shift);
  const captureMemory = (): Promise<Uint8Array> =>
    isLive ? Promise.resolve(made.kernel.memory.bytes) : Promise.reject(new RigError('this costs time'));
  const layout = { kind: MARKER_LAYOUT, ...made.announced, instruction: 0, virtualMs: 0 };
  return { systemMap: made.systemMap, at: { machine: { captureMemory }, layout, isLive } };
};

t.test('a live timeline has redirected sectors', async (t) => {
  const { at, systemMap } = standing(true);
  t.same(await readRedirected(at, systemMap), [{ disk: 'sda', startSector: 41, sectors: 2 }]);
  t.same(await readRedirected({ ...at, layout: undefined }, systemMap), []);
});

t.test('nothing is captured of another machine', async (t) => {
  const { at, systemMap } = standing(false);
  t.same(await readRedirected(at, systemMap), []);
});

t.test('a guest that is damaged does not end the run', async (t) => {
  const { at, systemMap } = standing(true, I386, 0);
  t.same(await readRedirected(at, systemMap), []);
});

t.test('the state says of which machine they are, until another run', async (t) => {
  const machine = { number: 2, startVirtualMs: 0, virtualMs: 1, instructions: 1, markers: [], writes: [] };
  const ranges = [{ disk: 'sda', startSector: 41, sectors: 2 }];
  const paused = next(next(START, { tell: 'machine', machine }), { tell: 'redirected', ranges });
  t.same(paused.redirected, { machine: 2, ranges });
  t.equal(next(paused, { tell: 'running', again: undefined }).redirected, undefined);
});
