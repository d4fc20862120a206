// SPDX-License-Identifier: MIT
/** A tour in six steps, from the boot to the proof. Where somebody is on it is told by what the page shows. */
import type { VNode } from 'preact';
import type { SessionState } from '../session/state.js';
import { Button } from './button.js';
import { trackBegins } from './timeline-model.js';

const STEPS = [
  'A Linux machine runs in your browser, and stands at its prompt. Type a command. Then leave the console (Shift+Tab), and step through the scenario (key s).',
  'The run stands before each step, and Next (key n) does it. A suspend takes a snapshot: the kernel freezes, copies its memory, and goes on.',
  'This is the live timeline: the machine after its own snapshot. Make havoc (key h). Nothing of that may be there after the resume.',
  'The machine is off, and its image is on the disk. The next machine boots and restores it: the timeline below branches.',
  'This is the restored timeline. It goes on at the instant of the snapshot, as if the live timeline had never been.',
  'The proofs have compared each page of memory and each sector. The run has a link: elsewhere it ends in the same state.',
] as const;

/** Number of the step, 0 for the first. */
export function tourStep({ phase, report, machines, paused }: SessionState): number {
  if (report) return 5;
  const last = machines.at(-1);
  if (phase !== 'running' || !last) return phase === 'running' ? 1 : 0;
  switch (trackBegins(last).at(-1)?.kind) {
    case 'live':
      return paused?.at.part === 0 ? 3 : 2;
    case 'boot':
      return 3;
    case 'restored':
      return 4;
    default:
      return 1;
  }
}

export interface TourProps {
  readonly state: SessionState;
  readonly onSkip: () => void;
}

export function Tour({ state, onSkip }: TourProps): VNode {
  const step = tourStep(state);
  return (
    <section id="tour" aria-label="tour">
      <p aria-live="polite">
        <b>
          {step + 1} of {STEPS.length}
        </b>{' '}
        {STEPS[step]}
      </p>
      <Button id="skip" onDo={onSkip}>
        {step === STEPS.length - 1 ? 'End the tour' : 'Skip the tour'}
      </Button>
    </section>
  );
}
