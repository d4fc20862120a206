// SPDX-License-Identifier: MIT
/** The sectors that a live timeline has redirected, read from the RAM of a kernel that is made by hand. */
import t from 'tap';
import { GuestError } from '../../../emulator/machine/errors.js';
import type { GuestKernel } from '../../../emulator/memory/kernel.js';
import { redirected } from '../../../emulator/memory/substitutes.js';
import { substitutedKernel } from './substituted-kernel.js';
import { MACHINES, syntheticKernel } from './synthetic-kernel.js';

const kernelWith = (...of: Parameters<typeof substitutedKernel>): GuestKernel => substitutedKernel(...of).kernel;

for (const machine of MACHINES)
  t.test(machine.name, async (t) => {
    t.test('the sectors in the store, on their disk', async (t) => {
      const root = { disk: 'sda', start: 2048, chunks: { 1: 0b1111_0000, 2: 0xff, 3: 0b0000_0001, 40: 0b0100_0010 } };
      t.same(redirected(kernelWith(machine, [[root, { disk: 'sdb', start: 0, chunks: { 0: 0x81 } }]])), [
        { disk: 'sda', startSector: 2048 + 12, sectors: 13 },
        { disk: 'sda', startSector: 2048 + 321, sectors: 1 },
        { disk: 'sda', startSector: 2048 + 326, sectors: 1 },
        { disk: 'sdb', startSector: 0, sectors: 1 },
        { disk: 'sdb', startSector: 7, sectors: 1 },
      ]);
    });

    t.test('of all snapshots, but only while a substitute is there', async (t) => {
      const of = (isActive: boolean) => [{ disk: 'sda', start: 8, isActive, chunks: { 0: isActive ? 2 : 4 } }];
      t.same(redirected(kernelWith(machine, [])), []);
      t.same(redirected(kernelWith(machine, [[{ disk: 'sda', start: 8, chunks: {} }]])), []);
      t.same(redirected(kernelWith(machine, [of(false)])), []);
      t.same(redirected(kernelWith(machine, [of(true), of(false), of(true)])), [
        { disk: 'sda', startSector: 9, sectors: 1 },
        { disk: 'sda', startSector: 9, sectors: 1 },
      ]);
    });

    t.test('a chunk that is being written for the first time has none yet', async (t) => {
      t.same(redirected(kernelWith(machine, [[{ disk: 'sda', start: 0, chunks: { 0: 0, 5: 0 } }]])), []);
    });

    t.test('a tree that makes no sense is an error of the guest', async (t) => {
      const looped = kernelWith(machine, [[{ disk: 'sda', start: 0, chunks: { 5: 1 } }]], 0);
      t.throws(() => redirected(looped), GuestError);
    });

    t.test('a kernel without substitutes has redirected nothing', async (t) => {
      t.same(redirected(syntheticKernel([], machine).kernel), []);
    });
  });
