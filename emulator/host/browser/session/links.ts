// SPDX-License-Identifier: MIT
/** What a link and a session file tell of the machine at the console: what it is of, what was typed, and where it stands. */
import { isAlike } from '../../../machine/alike.js';
import { concat } from '../../../machine/bytes.js';
import { SESSION_FORMAT, WITHIN_FORMAT, type SessionFile } from '../../../scenario/session-file.js';
import type { MachineDescription } from '../storage/description.js';
import { isSame, typeAgain } from './prompt.js';
import type { FromSession } from './protocol.js';
import type { Origin, Player } from './recall/recall.js';
import { notTheSame } from './recall/tape.js';

/** The scenario of a machine, and which machine of its run it is, if it was taken over from one. */
export type Begun = Pick<SessionFile, 'scenario' | 'within'>;

export interface Links {
  /** From now on, the machines of this origin are known to belong to that. */
  readonly begin: (origin: Origin, begun: Begun) => void;
  /**
   * Types what was typed in a session.
   * @param shown by the console so far.
   * @throws RigError when the machine does something else.
   */
  readonly replay: (player: Player, session: SessionFile, shown: Uint8Array) => Promise<void>;
  /** What was done up to where the machine of the player stands. `stateHash`: its state, if that is asked for. */
  readonly sessionAt: (
    description: Pick<MachineDescription, 'snapback' | 'artifacts' | 'core'>,
    player: Player,
    stateHash?: string,
  ) => SessionFile | undefined;
  /** Whether the machine was told what that of the link was told, and stands where that stood. */
  readonly isThere: (player: Player, session: SessionFile | undefined) => session is SessionFile;
}

/** `now`: real time in ms. */
export function createLinks(tell: (message: FromSession) => void, now: () => number): Links {
  const begunOf = new Map<Origin, Begun>();

  return {
    begin(origin, begun) {
      begunOf.set(origin, begun);
    },
    async replay(player, session, shown) {
      tell({ tell: 'going' });
      const startedMs = now();
      const pieces = [shown];
      const elsewhere = await typeAgain(
        async (asked) => {
          const report = await player.run(asked);
          pieces.push(report.console);
          return report;
        },
        player.at(),
        session,
      );
      if (elsewhere) {
        await player.close();
        throw notTheSame(elsewhere);
      }
      tell({ tell: 'arrived', console: concat(pieces), tookMs: now() - startedMs });
    },
    sessionAt({ snapback, artifacts, core }, player, stateHash) {
      const begun = begunOf.get(player.origin);
      return (
        begun && {
          sessionFormat: begun.within ? WITHIN_FORMAT : SESSION_FORMAT,
          snapback,
          ...begun,
          artifacts,
          core,
          ...(stateHash !== undefined && { stateHash }),
          typed: player.typed(),
          until: player.at(),
        }
      );
    },
    isThere: (player, session): session is SessionFile =>
      session?.until !== undefined &&
      isSame(session.until, player.at()) &&
      isAlike(session.within, begunOf.get(player.origin)?.within) &&
      isAlike(session.typed, player.typed()),
  };
}
