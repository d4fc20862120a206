// SPDX-License-Identifier: MIT
/** The machine at the console of a tab, for the same tab when it is loaded again. It is kept in the place of a run, or a run in its place. */
import { keepAs, keptAs, type Of } from './kept.js';

export interface KeptMachine {
  /** Text of a session, see `session-file.ts`: what the machine is of, what was typed to it, and where it was. */
  readonly session: string;
  readonly isStanding: boolean;
}

/** `hash`: see `KeptRun`. */
export const keepSession = (hash: string, { session, isStanding }: KeptMachine): void =>
  keepAs({ hash, session, isStanding });

/** The machine that was kept on a page with this hash. */
export function keptSession(hash: string): KeptMachine | undefined {
  const kept = keptAs(hash, isKeptMachine);
  return kept && { session: kept.session, isStanding: kept.isStanding };
}

function isKeptMachine(value: unknown): value is KeptMachine {
  const { session, isStanding } = (value ?? {}) as Of<KeptMachine>;
  return typeof session === 'string' && typeof isStanding === 'boolean';
}
