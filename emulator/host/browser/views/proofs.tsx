// SPDX-License-Identifier: MIT
/** The proofs: the verdict as the command line prints it, while it is worked out and then; the state hash and the report. */
import type { VNode } from 'preact';
import { linkPart, SESSION_NAME, sessionText } from '../../../scenario/session-file.js';
import type { SessionState } from '../session/state.js';

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
            <p>
              <a id="session-link" href={linkPart(session, opened)}>
                Link to this run
              </a>
              , which opens the page with its scenario, or{' '}
              <a id="session-file" href={asLink(sessionText(session))} download={SESSION_NAME}>
                download it as a file
              </a>{' '}
              for <code>npx snapback replay {SESSION_NAME}</code>.
            </p>
          )}
          {expected !== undefined && (
            <p id="same" class={expected === report.stateHash ? 'good' : 'bad'}>
              {expected === report.stateHash
                ? 'This is the state of the link.'
                : `This is not the state of the link, which is ${expected}.`}
            </p>
          )}
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

const asLink = (json: string): string => `data:application/json,${encodeURIComponent(json)}`;
