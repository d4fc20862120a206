// SPDX-License-Identifier: MIT
/** The proofs: the verdict as the command line prints it, while it is worked out and then; the state hash and the report. */
import type { VNode } from 'preact';
import type { SessionState } from '../session/state.js';
import { asLink, Same, SessionLinks } from './session-links.js';

export interface ProofsProps extends Pick<
  SessionState,
  'findings' | 'growing' | 'report' | 'verdict' | 'session' | 'expected'
> {
  /** See `ChoiceProps`. */
  readonly opened?: string | undefined;
}

export function Proofs(props: ProofsProps): VNode | null {
  const { findings, growing, report, verdict, session, expected, opened } = props;
  const text = verdict ?? growing;
  if (text === undefined) return null;
  return (
    <section id="proofs" aria-label="proofs">
      <h2>Proofs</h2>
      {/* One element, so that who has the focus there keeps it. */}
      <pre
        id={report ? 'verdict' : 'growing'}
        class={report?.verdict ?? 'growing'}
        tabIndex={0}
        aria-label={report ? 'verdict' : 'verdict, while it is worked out'}
      >
        {text}
      </pre>
      {report ? (
        <div>
          <p>
            State hash <code id="state-hash">{report.stateHash}</code>. In a terminal, <code>{report.replay}</code> ends
            in the same state.{' '}
            <a href={asLink(`${JSON.stringify(report, undefined, 2)}\n`)} download="snapback-report.json">
              Download the report (JSON)
            </a>
          </p>
          {session && (
            <SessionLinks id="session" of="this run" does="opens the page with its scenario" {...{ session, opened }} />
          )}
          <Same id="same" expected={expected} stateHash={report.stateHash} />
        </div>
      ) : (
        // The text above is read as a whole. This says what is new in it.
        <ul class="unseen" aria-live="polite">
          {findings.map(({ kind, what }, index) => (
            <li key={index}>
              {kind}: {what}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
