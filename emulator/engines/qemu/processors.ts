// SPDX-License-Identifier: MIT
/** Reads the registers of all processors from QEMU's answer to `info registers -a`. */
import { RigError } from '../../machine/errors.js';
import { MARKER_SENT } from '../../machine/markers.js';

/** What the rig needs to know of a processor. */
export interface Processor {
  /**
   * The marker that it has sent and not gone on from, if there is one. `place`: the registers that tell this sending from
   * others.
   */
  readonly marker:
    { readonly kind: number; readonly word0: number; readonly word1: number; readonly place: string } | undefined;
  /** It waits in hlt, or has not been started. */
  readonly isHalted: boolean;
  /** Interrupts can wake it. */
  readonly takesInterrupts: boolean;
}

const FLAG_INTERRUPT = 0x200;
/** Markers are 32 bits wide, whatever the width of the registers. */
const WORD = 0xffff_ffff;

/** @throws RigError when the text is not such an answer. */
export function readProcessors(text: string): readonly Processor[] {
  const sections = text.split(/^CPU#\d+\r?$/mu).slice(1);
  if (sections.length === 0) throw unreadable(text);
  return sections.map((section) => {
    // A processor in 64-bit mode shows RAX, any other EAX.
    const register = (name: string): number => {
      const found = new RegExp(`\\b[ER]${name}=([0-9a-f]+)`, 'u').exec(section)?.[1];
      if (found === undefined) throw unreadable(section);
      return Number(BigInt(`0x${found}`) & BigInt(WORD));
    };
    const marker = (): Processor['marker'] => {
      const words = { kind: register('BX'), word0: register('CX'), word1: register('SI') };
      return { ...words, place: JSON.stringify([words, register('IP'), register('SP'), addressSpace(section)]) };
    };
    return {
      marker: register('DI') === MARKER_SENT ? marker() : undefined,
      isHalted: /\bHLT=1\b/u.test(section),
      takesInterrupts: (register('FL') & FLAG_INTERRUPT) !== 0,
    };
  });
}

/** Nothing can wake a machine of which all processors are like this: it is off, or dead. */
export const isDead = (processors: readonly Processor[]): boolean =>
  processors.every(({ isHalted, takesInterrupts }) => isHalted && !takesInterrupts);

function unreadable(text: string): RigError {
  return new RigError(`QEMU describes its processors in a way that this version does not know: ${text.slice(0, 200)}`);
}

/**
 * The processors that have sent a marker since the machine was last let run. `events`: how many markers that were.
 * `before`: the places of markers that were sent earlier. A processor can stand at one of those again: the machine was
 * stopped before the processor got a turn, or a program was interrupted there and goes on only now.
 */
export function senders(
  processors: readonly Processor[],
  events: number,
  before: ReadonlySet<string>,
): readonly number[] {
  const isNew = (index: number): boolean => !before.has(processors[index]?.marker?.place ?? '');
  const standing = [...processors.keys()].filter((index) => processors[index]?.marker !== undefined);
  if (standing.length <= events) return standing;
  // The same program can send the same marker from the same place twice, so an old place is only the second choice.
  return [...standing.filter(isNew), ...standing.filter((index) => !isNew(index))]
    .slice(0, events)
    .sort((a, b) => a - b);
}

/** The page tables that are in use. */
const addressSpace = (section: string): string => /\bCR3=([0-9a-f]+)/u.exec(section)?.[1] ?? '';
