// SPDX-License-Identifier: MIT
/** All of the page but its console: what the session does, what can be asked of it, and what came of it. */
import type { VNode } from 'preact';
import { megabytes, type SessionState } from '../session/state.js';
import { Proofs } from './proofs.js';
import { timelineOf } from './timeline-model.js';
import { Timeline } from './timeline.js';

export interface SessionProps {
  readonly state: SessionState;
  readonly onRun: () => void;
}

const TONES: Readonly<Record<SessionState['phase'], string>> = {
  starting: '',
  prompt: 'ready',
  running: '',
  ended: 'ready',
  failed: 'failed',
};

export function SessionView({ state, onRun }: SessionProps): VNode {
  const { phase, said, loading, scenario, steps, done, findings, machines, report, verdict } = state;
  const tone = report?.verdict === 'fail' ? 'failed' : TONES[phase];
  const fraction = loading ? loading.loadedBytes / loading.allBytes : done;
  return (
    <div>
      <p id="status" role="status" class={tone}>
        {said}
      </p>
      <progress
        id="loading"
        max={1}
        value={fraction}
        aria-label={loading ? 'loading' : 'done of the scenario'}
        hidden={!loading && phase !== 'running'}
      />
      <button id="run" type="button" disabled={scenario === undefined || phase === 'running'} onClick={onRun}>
        Run{scenario === undefined ? ' the scenario' : `: ${scenario}`}
      </button>
      {steps.length > 0 && (
        <details id="steps">
          <summary>
            {steps.length} {steps.length === 1 ? 'step' : 'steps'}
          </summary>
          <ol>
            {steps.map((step, index) => (
              <li key={index}>{step}</li>
            ))}
          </ol>
        </details>
      )}
      <Timeline tracks={timelineOf(machines)} />
      <Proofs findings={findings} report={report} verdict={verdict} />
    </div>
  );
}

export interface StorageProps {
  readonly stored: SessionState['stored'];
  readonly onEmpty: () => void;
}

/** What the browser keeps, and a way to remove it. */
export function Storage({ stored, onEmpty }: StorageProps): VNode | null {
  if (!stored) return null;
  const { bytes, bytesMax } = stored;
  return (
    <p id="storage">
      {megabytes(bytes)} of at most {megabytes(bytesMax)} MB of the disks are kept in this browser.{' '}
      <button id="empty" type="button" disabled={bytes === 0} onClick={onEmpty}>
        Remove them
      </button>
    </p>
  );
}
