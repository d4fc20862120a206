// SPDX-License-Identifier: MIT
/** The proofs: findings as they come, then the verdict as the command line prints it, the state hash and the report. */
import type { VNode } from 'preact';
import type { Finding } from '../../../cycle/outcome.js';
import type { Report } from '../../../report/model.js';

export interface ProofsProps {
  readonly findings: readonly Finding[];
  readonly report: Report | undefined;
  readonly verdict: string | undefined;
}

export function Proofs({ findings, report, verdict }: ProofsProps): VNode | null {
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
            State hash <code id="state-hash">{report.stateHash}</code>. In a terminal, <code>{report.replay}</code> ends in the
            same state.{' '}
            <a href={asLink(report)} download="snapback-report.json">
              Download the report (JSON)
            </a>
          </p>
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

const asLink = (report: Report): string =>
  `data:application/json,${encodeURIComponent(`${JSON.stringify(report, undefined, 2)}\n`)}`;
