// SPDX-License-Identifier: MIT
/** Tells the page what it wants to know of the memory of a machine that stands: now and then between two runs, or at a pause. */
import { GuestError } from '../../../machine/errors.js';
import type { MemoryReader } from './memory-reader.js';
import type { Look } from './conversation.js';
import { costOf, dueNextMs } from './pace.js';
import type { FromSession } from './protocol.js';

/** Real time between the beginnings of two pictures. */
const PICTURE_EVERY_MS = 33;
/** The machine goes on for at least so many times as long as a picture takes: at most one tenth of its time goes into pictures. */
const PAUSE_PER_PICTURE = 9;

export interface MemoryWatch {
  /** Pictures are wanted, or no longer. */
  readonly watch: (on: boolean) => void;
  /** The owner and the bytes of a page are wanted. */
  readonly ask: (frame: number) => void;
  /**
   * For a machine that begins. The answer has to be called while it stands, and resolves when it may go on. `makeReader` is called
   * when something is wanted for the first time.
   */
  readonly of: (makeReader: () => Promise<MemoryReader>) => Look;
  /**
   * For a machine that stands, at its virtual time, until the answer is called. What is wanted meanwhile is told at once. The
   * answer's promise resolves when the machine may go on.
   */
  readonly standing: (makeReader: () => Promise<MemoryReader>, virtualMs: number) => () => Promise<void>;
}

/** `now`: real time in ms. */
export function createMemoryWatch(tell: (message: FromSession) => void, now: () => number): MemoryWatch {
  let isWatched = false;
  let askedFrame: number | undefined;
  let tellStanding: (() => void) | undefined;
  const watch: MemoryWatch = {
    watch(on) {
      isWatched = on;
      tell({ tell: 'watching', on });
      tellStanding?.();
    },
    ask(frame) {
      askedFrame = frame;
      tellStanding?.();
    },
    standing(makeReader, virtualMs) {
      const tellNow = watch.of(makeReader);
      let told = Promise.resolve();
      tellStanding = () => {
        told = told.then(async () => {
          await tellNow(virtualMs);
        });
      };
      tellStanding();
      return () => {
        tellStanding = undefined;
        return told;
      };
    },
    of(makeReader) {
      let reader: MemoryReader | undefined;
      let [pictures, tookMs, dueMs] = [0, 0, 0];
      const dueAfter = (beganMs: number, endMs: number): number =>
        Math.max(dueNextMs(dueMs, beganMs, PICTURE_EVERY_MS), endMs + PAUSE_PER_PICTURE * costOf(beganMs, endMs));
      const tellPage = async (from: MemoryReader, frame: number, virtualMs: number): Promise<void> => {
        askedFrame = undefined;
        tell({ tell: 'page', page: { frame, ...(await from.page(frame)), virtualMs } });
      };
      const tellPicture = async (from: MemoryReader, virtualMs: number): Promise<void> => {
        const beganMs = now();
        const [kinds, fates] = [await from.kinds(), await from.fates()];
        const endMs = now();
        pictures += 1;
        const costMs = costOf(beganMs, endMs);
        tookMs += costMs;
        dueMs = dueAfter(beganMs, endMs);
        tell({ tell: 'memory', memory: { kinds, fates, virtualMs, pictures, tookMs } });
      };
      return async (virtualMs) => {
        const beganMs = now();
        const isDue = isWatched && beganMs >= dueMs;
        try {
          if (isDue || askedFrame !== undefined) reader ??= await makeReader();
          if (reader && askedFrame !== undefined) await tellPage(reader, askedFrame, virtualMs);
          if (reader && isDue) await tellPicture(reader, virtualMs);
        } catch (error) {
          // It does not end the machine: the guest may be about to change what is read.
          if (!(error instanceof GuestError)) throw error;
          if (isDue) dueMs = dueAfter(beganMs, now());
        }
        return isWatched ? dueMs : Infinity;
      };
    },
  };
  return watch;
}
