// SPDX-License-Identifier: MIT
/**
 * Guests that use a device as no driver may: the machine ends and says so, where v86's devices loop without end or
 * fail.
 */
import t from 'tap';
import { buildWorkers } from '../../esbuild.config.mjs';
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import type { Machine, RunReport } from '../../emulator/machine/contract.js';
import { BUFFER_GPA, conformanceConfig, READY } from '../conformance/guest.js';

await buildWorkers();
const config = { ...(await conformanceConfig()), share: [] };
const engine = createV86Engine();

/** Where the tests lay out rings and messages; the guest uses nothing there. */
const AT = { table: 0x40000, available: 0x41000, used: 0x42000, indirect: 0x43000, request: 0x44000, reply: 0x45000 };
const SIZE = 32;
const FLAG = { next: 1, write: 2, indirect: 4 } as const;
const RAM_BYTES = config.memoryMiB * 2 ** 20;

/** Makes the guest do a driver's accesses. */
class Driver {
  /** How the machine has ended, once it has. */
  ended: RunReport | undefined;
  constructor(readonly machine: Machine) {}

  static async begin(): Promise<Driver> {
    const machine = await engine.powerOn(config);
    t.teardown(() => machine.close());
    const triggers = [{ when: { on: 'marker', kind: READY }, then: { do: 'stop' } }] as const;
    await machine.run({ virtualMsMax: 5_000, triggers });
    return new Driver(machine);
  }

  async #do(letter: string, ...words: readonly Uint8Array[]): Promise<void> {
    const report = await this.machine.run({
      virtualMsMax: 5_000,
      send: [{ channel: 'agent', bytes: Buffer.concat([Buffer.from(letter), ...words]) }],
      untilByte: { channel: 'agent', byte: 0x0a },
    });
    if (report.reason.why !== 'byte') this.ended = report;
  }

  out(bytes: 1 | 2 | 4, port: number, value: number): Promise<void> {
    return this.#do(String(bytes), half(port), word(value));
  }

  async in32(port: number): Promise<number> {
    await this.#do('i', half(port));
    return new DataView((await this.machine.readMemory(BUFFER_GPA, 4)).slice().buffer).getUint32(0, true);
  }

  poke(at: number, ...values: readonly number[]): Promise<void> {
    return values.reduce(
      (before, value, index) => before.then(() => this.#do('k', word(at + 4 * index), word(value))),
      Promise.resolve(),
    );
  }

  /** A base address of a PCI device: `place` is its device number times 8, and its function. */
  async base(place: number, register: number): Promise<number> {
    await this.out(4, 0xcf8, 0x80000000 + place * 256 + 0x10 + 4 * register);
    return (await this.in32(0xcfc)) & ~3;
  }
}
const half = (value: number): Uint8Array => Buffer.from(Uint16Array.of(value).buffer);
const word = (value: number): Uint8Array => Buffer.from(Uint32Array.of(value >>> 0).buffer);

/** The 9p device with a queue whose rings lie at `rings`. */
async function openShare(
  rings: Partial<Pick<typeof AT, 'table' | 'available' | 'used'>> = {},
): Promise<{ driver: Driver; common: number; notify: () => Promise<RunReport | undefined> }> {
  const driver = await Driver.begin();
  const [common, notifications] = [await driver.base(6 << 3, 0), await driver.base(6 << 3, 1)];
  const { table, available, used } = { ...AT, ...rings };
  for (const [offset, address] of [
    [32, table],
    [40, available],
    [48, used],
  ] as const)
    await driver.out(4, common + offset, address);
  await driver.out(2, common + 28, 1);
  const notify = async (): Promise<RunReport | undefined> => {
    await driver.out(2, notifications, 0);
    return driver.ended;
  };
  return { driver, common, notify };
}

/** A descriptor: address, length, flags and the next one. */
const descriptor = (at: number, lengthBytes: number, flags = 0, next = 0): readonly number[] => [
  at,
  0,
  lengthBytes,
  flags + next * 65536,
];
/** The available ring with one new request, which descriptor 0 begins. */
const offer = (driver: Driver, index = 1): Promise<void> => driver.poke(AT.available, index << 16, 0);

/** Tversion: length, type, tag, longest message, version. */
const version = Buffer.concat([word(21), Uint8Array.of(100, 0xff, 0xff), word(8192), half(8), Buffer.from('9P2000.L')]);
const versionWords = [...new Uint32Array(new Uint8Array([...version, 0, 0, 0]).buffer)];

t.test('a request is answered', async (t) => {
  const { driver, notify } = await openShare();
  await driver.poke(AT.table, ...descriptor(AT.request, 21, FLAG.next, 1), ...descriptor(AT.reply, 64, FLAG.write));
  await driver.poke(AT.request, ...versionWords);
  await offer(driver);
  t.equal(await notify(), undefined);
  t.match(Buffer.from(await driver.machine.readMemory((AT.reply + 13) as never, 8)).toString(), '9P2000.L');
  t.same([...(await driver.machine.readMemory(AT.used as never, 4))].slice(2), [1, 0], 'one reply');
});

t.test('the same, by an indirect table', async (t) => {
  const { driver, notify } = await openShare();
  await driver.poke(AT.table, ...descriptor(AT.indirect, 32, FLAG.indirect));
  await driver.poke(AT.indirect, ...descriptor(AT.request, 21, FLAG.next, 1), ...descriptor(AT.reply, 64, FLAG.write));
  await driver.poke(AT.request, ...versionWords);
  await offer(driver);
  t.equal(await notify(), undefined);
  t.same([...(await driver.machine.readMemory(AT.used as never, 4))].slice(2), [1, 0], 'one reply');
});

const whatOf = (report: RunReport | undefined): string => {
  if (report?.reason.why !== 'misuse')
    throw new Error(`the machine ended otherwise: ${JSON.stringify(report?.reason)}`);
  return report.reason.what;
};

/** Bits of a virtio device's status, in the order in which a driver sets them. */
const STATUS = { acknowledged: 1, driver: 2, featuresOk: 8, driverOk: 4 } as const;

/**
 * What a kernel does whose 9p driver does not make its queue anew after a hibernation image has been restored: virtio resets
 * the device and sets its status again, and the first access to the share goes on with the ring and the index of before.
 */
t.test('a queue that was reset, and is used as if it were there', async (t) => {
  const { driver, common, notify } = await openShare();
  await driver.poke(AT.table, ...descriptor(AT.request, 21, FLAG.next, 1), ...descriptor(AT.reply, 64, FLAG.write));
  await driver.poke(AT.request, ...versionWords);
  await offer(driver);
  t.equal(await notify(), undefined);
  t.same([...(await driver.machine.readMemory(AT.used as never, 4))].slice(2), [1, 0], 'it was in use');

  await driver.out(1, common + 20, 0);
  let status = 0;
  for (const bit of Object.values(STATUS)) await driver.out(1, common + 20, (status |= bit));
  await offer(driver, 2);
  // Without a queue the device would take this for the index of the available ring: its address is 0.
  await driver.poke(0, 2 << 16);
  const ended = await notify();
  t.match(whatOf(ended), /a queue that is not enabled; a reset disables it/);
  t.equal((await driver.machine.captureMemory()).length, RAM_BYTES, 'RAM can still be read');
  await t.rejects(driver.machine.run({ virtualMsMax: 1 }), /has ended \(misuse\)/);
  await driver.machine.close();
});

for (const [what, rings, lay, expected] of [
  [
    // v86 alone would go on for ever: with each reply there is a request more, at descriptor 0 or 21 (the length of a
    // reply).
    'replies that move the available ring on',
    { used: AT.available },
    async (driver: Driver) => {
      const request = descriptor(AT.request, 21, FLAG.next, 1);
      await driver.poke(AT.table, ...request, ...descriptor(AT.reply, 64, FLAG.write));
      await driver.poke(AT.table + 21 * 16, ...request);
      await driver.poke(AT.request, ...versionWords);
      await offer(driver);
    },
    /the replies overwrite the available ring/,
  ],
  [
    'an available ring that is further ahead than it is long',
    {},
    (driver: Driver) => offer(driver, SIZE + 1),
    /33 new requests, but the queue has 32 entries/,
  ],
  ['rings outside of RAM', { available: RAM_BYTES }, () => Promise.resolve(), /the available ring at 0x8000000 is not/],
  [
    'a chain of descriptors that is a loop',
    {},
    async (driver: Driver) => {
      await driver.poke(
        AT.table,
        ...descriptor(AT.request, 8, FLAG.next, 1),
        ...descriptor(AT.request, 8, FLAG.next, 0),
      );
      await offer(driver);
    },
    /the chain of descriptors that starts at 0 is a loop/,
  ],
  [
    'an indirect table that holds itself',
    {},
    async (driver: Driver) => {
      await driver.poke(AT.table, ...descriptor(AT.indirect, 16, FLAG.indirect));
      await driver.poke(AT.indirect, ...descriptor(AT.indirect, 16, FLAG.indirect));
      await offer(driver);
    },
    /an indirect table of descriptors contains another one/,
  ],
  [
    'a descriptor of a number that is not there',
    {},
    async (driver: Driver) => {
      await driver.poke(AT.table, ...descriptor(AT.request, 21, FLAG.next, SIZE));
      await offer(driver);
    },
    /descriptor 32 is not in its table of 32/,
  ],
  [
    'a buffer outside of RAM',
    {},
    async (driver: Driver) => {
      await driver.poke(
        AT.table,
        ...descriptor(RAM_BYTES - 8, 21, FLAG.next, 1),
        ...descriptor(AT.reply, 64, FLAG.write),
      );
      await offer(driver);
    },
    /21 bytes at 0x7fffff8 are not in RAM/,
  ],
  [
    'a request that is shorter than any message',
    {},
    async (driver: Driver) => {
      await driver.poke(AT.table, ...descriptor(AT.request, 4, FLAG.next, 1), ...descriptor(AT.reply, 64, FLAG.write));
      await offer(driver);
    },
    /a request is 4 bytes long/,
  ],
  [
    'a request that leaves no place for a reply',
    {},
    async (driver: Driver) => {
      await driver.poke(AT.table, ...descriptor(AT.request, 21));
      await driver.poke(AT.request, ...versionWords);
      await offer(driver);
    },
    /room for a reply of 0 bytes/,
  ],
] as const)
  t.test(what, async (t) => {
    const { driver, notify } = await openShare(rings);
    await lay(driver);
    t.match(whatOf(await notify()), expected);
    await driver.machine.close();
  });

t.test('a table of regions for DMA without an end', async (t) => {
  const driver = await Driver.begin();
  const dma = await driver.base(30 << 3, 4);
  // 64 KiB of zeros are 8192 regions of 64 KiB at address 0.
  await driver.out(4, dma + 4, 2 ** 21);
  for (const [port, value] of [
    [0x1f6, 0xe0],
    [0x1f2, 1],
    [0x1f3, 0],
    [0x1f4, 0],
    [0x1f5, 0],
    [0x1f7, 0xc8],
  ] as const)
    await driver.out(1, port, value);
  await driver.out(1, dma, 9);
  t.match(whatOf(driver.ended), /table of regions for DMA at 0x200000 has no last entry/);
  await driver.machine.close();
});
