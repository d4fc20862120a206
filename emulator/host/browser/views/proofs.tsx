// SPDX-License-Identifier: MIT
/** The proofs: findings as they come, then the verdict as the command line prints it, the state hash and the report. */
import type { VNode } from 'preact';
import type { Finding } from '../../../cycle/outcome.js';
import type { Report } from '../../../report/model.js';
import { linkPart, SESSION_NAME, sessionText, type SessionFile } from '../../../scenario/session-file.js';

export interface ProofsProps {
  readonly findings: readonly Finding[];
  readonly report: Report | undefined;
  readonly verdict: string | undefined;
  /** What was run. */
  readonly session: SessionFile | undefined;
  /** The state hash that it has to have, because the page was opened with it. */
  readonly expected: string | undefined;
}

export function Proofs({ findings, report, verdict, session, expected }: ProofsProps): VNode | null {
  if (!report && findings.length === 0) return null;
  return (
    <section id="proofs" aria-label="proofs">
      <h2>Proofs</h2>
      {report ? (
        <div>
          <pre id="verdict" class={report.verdict} tabIndex={0} aria-label="verdict">
            {verdict}
          </pre>
          <p>
            State hash <code id="state-hash">{report.stateHash}</code>. In a terminal, <code>{report.replay}</code> ends
            in the same state.{' '}
            <a href={asLink(`${JSON.stringify(report, undefined, 2)}\n`)} download="snapback-report.json">
              Download the report (JSON)
            </a>
          </p>
          {session && (
            <p>
              <a id="session-link" href={linkPart(session)}>
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
        <ul class="findings" aria-live="polite">
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
