// SPDX-License-Identifier: MIT
/** The conformance guest, for real engines (assembled from guest.S) and for the fake one (as a script). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { obtain } from '../../emulator/host/node/artifacts/store.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { command } from '../../emulator/host/node/process.js';
import { defaultCacheDir, type BuildContext } from '../../emulator/host/node/artifacts/context.js';
import type { FakeEvent, FakeScript, FakeView } from '../../emulator/engines/fake/script.js';
import type { MachineConfig } from '../../emulator/machine/contract.js';
import { gpa, sector } from '../../emulator/machine/units.js';

/** Where the guest counts its markers: 4 bytes, little-endian. */
export const COUNT_GPA = gpa(0x80900);
/** The byte of its code that is the answer to `v`. */
export const VALUE_GPA = gpa(0x80981);
export const VALUE = 0x21;
/** Where it keeps the sectors that it writes and reads: 1024 bytes. */
export const BUFFER_GPA = gpa(0x82000);
/** The marker it sends when it begins, and the one for each `m`. */
export const READY = 0x3001;
export const MARKED = 0x3002;
export const READY_WORDS = [0x11111111, 0x22222222] as const;
/** What it answers instead of a byte of the disk when that fails. */
export const DISK_FAILED = 0xee;
/** Sector of its first write; each write is of two sectors, the next follows it. */
export const FIRST_SECTOR = 4;

/** The guest as bytes of a bzImage. */
async function obtainConformanceGuest(context: BuildContext): Promise<Uint8Array> {
  const source = packagePath('test', 'conformance', 'guest.S');
  const { dir } = await obtain(
    {
      name: 'conformance-guest',
      inputs: { source: await readFile(source) },
      build: async (into, scratch) => {
        const object = join(scratch, 'guest.o');
        const remedy = 'install gcc-i686-linux-gnu';
        await command('i686-linux-gnu-gcc', ['-m32', '-c', '-o', object, source], context, { remedy });
        await command(
          'i686-linux-gnu-objcopy',
          ['-O', 'binary', '-j', '.text', object, join(into, 'bzImage')],
          context,
          { remedy },
        );
      },
    },
    context,
  );
  return readFile(join(dir, 'bzImage'));
}

/** A real engine's machine with the conformance guest: the least RAM, and one disk of 64 empty sectors. */
export async function conformanceConfig(): Promise<MachineConfig> {
  const context = { cacheDir: defaultCacheDir(), progress: () => undefined, signal: new AbortController().signal };
  return {
    memoryMiB: 128,
    bios: await readFile('/usr/share/seabios/bios.bin'),
    vgaBios: await readFile('/usr/share/seabios/vgabios-stdvga.bin'),
    kernel: await obtainConformanceGuest(context),
    cmdline: '',
    disks: [{ base: new Uint8Array(64 * 512) }],
    seed: 1,
    wallClockMs: Date.UTC(2026, 0, 1),
  };
}

/** What guest.S does, for the fake engine. */
export function conformanceScript(): FakeScript {
  let at = FIRST_SECTOR;
  let fill = 0;
  const send = (...bytes: readonly number[]): FakeEvent => ({ do: 'agent', bytes: Uint8Array.from(bytes) });
  const done = send(0x0a);
  const little = (word: number): Uint8Array => new Uint8Array(Uint32Array.of(word).buffer);
  const countOf = (view: FakeView): number => new DataView(view.readMemory(COUNT_GPA, 4).buffer).getUint32(0, true);

  const obey = (view: FakeView, letter: string): readonly FakeEvent[] => {
    switch (letter) {
      case 'm': {
        const count = countOf(view) + 1;
        return [
          { do: 'poke', gpa: COUNT_GPA, bytes: little(count) },
          { do: 'marker', kind: MARKED, word0: count },
          { do: 'look', then: (later) => [send(countOf(later) & 255), done] },
        ];
      }
      case 'w': {
        fill = (fill + 1) & 255;
        const bytes = new Uint8Array(1024).fill(fill);
        const start = at;
        at += 2;
        return [
          { do: 'poke', gpa: BUFFER_GPA, bytes },
          { do: 'write', disk: 0, sector: sector(start), bytes },
          send(fill),
          done,
        ];
      }
      case 'd':
        return [send(view.readSectors(0, sector(at), 2)[0] ?? 0), done];
      case 'r': {
        const date = new Date(view.wallClockMs);
        const bcd = (value: number): number => Math.floor(value / 10) * 16 + (value % 10);
        return [send(bcd(date.getUTCMinutes()), bcd(date.getUTCHours()), bcd(date.getUTCDate())), done];
      }
      case 's':
        return [{ do: 'sleep', ms: 40 }, send(0x73), done];
      case 'b':
        return [
          { do: 'work', instructions: 2_500_000 },
          { do: 'poke', gpa: BUFFER_GPA, bytes: Uint8Array.of(1) },
          send(0x62),
          done,
        ];
      case 'v':
        return [send(view.readMemory(VALUE_GPA, 1)[0] ?? 0), done];
      case 'h':
        return [{ do: 'halt' }];
      case 'z':
        return [{ do: 'reset' }];
      default:
        return [send(letter.charCodeAt(0)), done];
    }
  };
  const wait = (): FakeEvent => ({
    do: 'receive',
    then: (view) => [...obey(view, String.fromCharCode(view.received[0] ?? 0)), wait()],
  });
  return [
    { do: 'poke', gpa: VALUE_GPA, bytes: Uint8Array.of(VALUE) },
    { do: 'console', text: 'ready\r\n' },
    { do: 'marker', kind: READY, word0: READY_WORDS[0], word1: READY_WORDS[1] },
    wait(),
  ];
}
