// SPDX-License-Identifier: MIT
/** The timeline: one row for each track, branching at the snapshot; the steps of the kernel with their durations. */
import type { VNode } from 'preact';
import { durationText, STEP_NAMES, TRACK_NAMES, type Span, type Track } from './timeline-model.js';

export interface TimelineProps {
  readonly tracks: readonly Track[];
  /** Unique on its page. */
  readonly id?: string;
}

export function Timeline({ tracks, id = 'timeline' }: TimelineProps): VNode | null {
  if (tracks.length === 0) return null;
  return (
    <section id={id} aria-label="timeline">
      <h2>Timeline</h2>
      <ol class="tracks">
        {tracks.map((track, index) => (
          <li key={index} class="track" data-kind={track.kind}>
            <div class="track-name">
              {TRACK_NAMES[track.kind]}
              <span class="dim">
                {' '}
                machine {track.machine}, {durationText(track.beginMs)} to {durationText(track.endMs)}
                {track.kind === 'restored' && track.from !== undefined ? ', from the snapshot' : ''}
              </span>
            </div>
            <ol class="spans" tabIndex={0} aria-label={`steps of ${TRACK_NAMES[track.kind]}`}>
              {track.spans.map((span, at) => (
                <Step key={at} span={span} />
              ))}
            </ol>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Step({ span }: { readonly span: Span }): VNode {
  const { step, beginMs, durationMs, isCut } = span;
  const length = durationText(durationMs);
  return (
    <li
      class="span"
      data-kind={step}
      style={{ flexGrow: weightOf(durationMs) }}
      title={`${STEP_NAMES[step]}: ${length}, from ${durationText(beginMs)} on${isCut ? ', not ended' : ''}`}
    >
      <span class="span-name">{STEP_NAMES[step]}</span> <span class="span-time">{isCut ? 'not ended' : length}</span>
    </li>
  );
}

/** Steps take from microseconds to minutes: each ten times as long is one wider. */
export const weightOf = (durationMs: number): number => Number((1 + Math.log10(1 + durationMs * 1000)).toFixed(2));
