// SPDX-License-Identifier: MIT
/**
 * Changes the guest's memory and devices by the protocol of QEMU's device tests (qtest). QEMU then translates code anew that it has
 * executed from there. It would not notice a change of the file behind the memory.
 */
import { RigError } from '../../../machine/errors.js';
import type { Gpa } from '../../../machine/units.js';
import { openLine } from './lines.js';
import { bounded, type Waiter } from './monitor.js';

export interface MemoryPort {
  /** The machine must stand. @throws RigError when QEMU refuses it, does not answer in time (`Unanswered`), or has ended. */
  write(at: Gpa, bytes: Uint8Array): Promise<void>;
  /** Writes 32 bits to an I/O port. Like {@link MemoryPort.write}. */
  out(port: number, value: number): Promise<void>;
  /** Rejects what still waits for an answer, and later writes. */
  fail(error: Error): void;
  close(): void;
}

/** Listens at `path` for QEMU. `answerMsMax`: real time within which QEMU must answer. */
export async function openMemoryPort(path: string, answerMsMax: number): Promise<MemoryPort> {
  let text = '';
  let failure: Error | undefined;
  const decoder = new TextDecoder();
  const waiting: Waiter[] = [];
  const line = await openLine(path, (bytes) => {
    const answers = (text + decoder.decode(bytes, { stream: true })).split('\n');
    text = answers.pop() ?? '';
    for (const answer of answers)
      if (answer === 'OK') waiting.shift()?.resolve(undefined);
      else waiting.shift()?.reject(new RigError(`QEMU refused to change the guest: ${answer}`));
  });
  const tell = async (command: string): Promise<void> => {
    if (failure) throw failure;
    const { waiter, answer } = bounded("QEMU's answer to a change of the guest", answerMsMax);
    waiting.push(waiter);
    line.send(Buffer.from(`${command}\n`));
    await answer;
  };
  return {
    write: (at, bytes) =>
      tell(`write 0x${at.toString(16)} 0x${bytes.length.toString(16)} 0x${Buffer.from(bytes).toString('hex')}`),
    out: (port, value) => tell(`outl 0x${port.toString(16)} 0x${value.toString(16)}`),
    fail(error) {
      failure ??= error;
      for (const { reject } of waiting.splice(0)) reject(failure);
    },
    close: () => line.close(),
  };
}
