// SPDX-License-Identifier: MIT
/**
 * Changes the guest's memory by the protocol of QEMU's device tests (qtest). QEMU then translates code anew that it has
 * executed from there. It would not notice a change of the file behind the memory.
 */
import { RigError } from '../../../machine/errors.js';
import type { Gpa } from '../../../machine/units.js';
import { openLine } from './lines.js';
import { bounded, type Waiter } from './monitor.js';

export interface MemoryPort {
  /** The machine must stand. @throws RigError when QEMU refuses it, does not answer in time (`Unanswered`), or has ended. */
  write(at: Gpa, bytes: Uint8Array): Promise<void>;
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
      else waiting.shift()?.reject(new RigError(`QEMU refused to change the guest's memory: ${answer}`));
  });
  return {
    async write(at, bytes) {
      if (failure) throw failure;
      const { waiter, answer } = bounded("QEMU's answer to a change of the guest's memory", answerMsMax);
      waiting.push(waiter);
      const hex = Buffer.from(bytes).toString('hex');
      line.send(Buffer.from(`write 0x${at.toString(16)} 0x${bytes.length.toString(16)} 0x${hex}\n`));
      await answer;
    },
    fail(error) {
      failure ??= error;
      for (const { reject } of waiting.splice(0)) reject(failure);
    },
    close: () => line.close(),
  };
}
