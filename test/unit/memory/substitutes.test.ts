// SPDX-License-Identifier: MIT
/** The sectors that a live timeline has redirected, read from the RAM of a kernel that is made by hand. */
import t from 'tap';
import { GuestError } from '../../../emulator/machine/errors.js';
import type { GuestKernel } from '../../../emulator/memory/kernel.js';
import { redirected } from '../../../emulator/memory/substitutes.js';
import { substitutedKernel, type Device, type MappedTarget } from './substituted-kernel.js';
import { MACHINES, syntheticKernel } from './synthetic-kernel.js';

/** A mapped device, and what is in the store of it. */
const mapped = (targets: readonly MappedTarget[] | undefined, chunks: Readonly<Record<number, number>>) => ({
  disk: 'dm-0',
  start: 0,
  ...(targets && { targets }),
  chunks,
});

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

    t.test('of a mapped device, on the disk below', async (t) => {
      const partition: Device = { disk: 'sda', start: 2048 };
      const linear = { type: 'linear', first: 0, sectors: 4096, on: partition, start: 100 };
      t.same(redirected(kernelWith(machine, [[mapped([linear], { 1: 0b0000_0110, 40: 0x80 })]])), [
        { disk: 'sda', startSector: 2048 + 100 + 9, sectors: 2 },
        { disk: 'sda', startSector: 2048 + 100 + 327, sectors: 1 },
      ]);
      const crypt = { type: 'crypt', first: 0, sectors: 4096, on: partition, start: 16 };
      t.same(redirected(kernelWith(machine, [[mapped([crypt], { 1: 0xff })]])), [
        { disk: 'sda', startSector: 2048 + 16 + 8, sectors: 8 },
      ]);
    });

    t.test('where two targets meet, on two disks', async (t) => {
      const targets = [
        { type: 'linear', first: 0, sectors: 12, on: { disk: 'sdb', start: 0 }, start: 500 },
        { type: 'crypt', first: 12, sectors: 100, on: { disk: 'sda', start: 64 }, start: 8 },
      ];
      t.same(redirected(kernelWith(machine, [[mapped(targets, { 1: 0xff, 2: 0x01 })]])), [
        { disk: 'sdb', startSector: 508, sectors: 4 },
        { disk: 'sda', startSector: 64 + 8, sectors: 5 },
      ]);
    });

    t.test('of a mapped device on a mapped device', async (t) => {
      const volumes: Device = {
        disk: 'dm-1',
        start: 0,
        targets: [
          { type: 'linear', first: 0, sectors: 1000, on: { disk: 'sda', start: 0 }, start: 10 },
          { type: 'linear', first: 1000, sectors: 1000, on: { disk: 'sdb', start: 0 }, start: 20 },
        ],
      };
      // Its first 20 sectors are on the first disk.
      const targets = [{ type: 'crypt', first: 0, sectors: 500, on: volumes, start: 980 }];
      t.same(redirected(kernelWith(machine, [[mapped(targets, { 0: 0x01, 2: 0xff })]])), [
        { disk: 'sda', startSector: 990, sectors: 1 },
        { disk: 'sda', startSector: 990 + 16, sectors: 4 },
        { disk: 'sdb', startSector: 20, sectors: 4 },
      ]);
    });

    t.test('a mapping that is not one to one is not followed', async (t) => {
      const sda: Device = { disk: 'sda', start: 0 };
      const striped = { type: 'striped', first: 0, sectors: 8, on: sda, start: 50 };
      const linear = { type: 'linear', first: 8, sectors: 8, on: sda, start: 70 };
      t.same(redirected(kernelWith(machine, [[mapped([striped, linear], { 0: 0xc0, 1: 0x03 })]])), [
        { disk: 'dm-0', startSector: 6, sectors: 2 },
        { disk: 'sda', startSector: 70, sectors: 2 },
      ]);
      t.same(redirected(kernelWith(machine, [[mapped(undefined, { 0: 0xc0 })]])), [
        { disk: 'dm-0', startSector: 6, sectors: 2 },
      ]);
    });

    t.test('a device that is mapped to itself is an error of the guest', async (t) => {
      const targets: MappedTarget[] = [];
      const one = mapped(targets, { 0: 1 });
      targets.push({ type: 'linear', first: 0, sectors: 8, on: one, start: 0 });
      t.throws(() => redirected(kernelWith(machine, [[one]])), new GuestError('the device dm-0 is mapped to itself'));
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
