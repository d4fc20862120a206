// SPDX-License-Identifier: MIT
/** The timeline: one row for each track, branching at the snapshot; the steps of the kernel with their durations, and marks in them. */
import type { VNode } from 'preact';
import type { Moment } from '../../../cycle/steps/context.js';
import { Legend } from './legend.js';
import { AHEAD_ROW, MARK_ROWS, markColour, STEP_ROWS, stepColour, TRACK_ROWS, trackColour } from './timeline-look.js';
import type { Mark } from './timeline-marks.js';
import { durationText, STEP_NAMES, TRACK_NAMES, type Span, type Track } from './timeline-model.js';

export interface TimelineProps extends MarksProps {
  readonly tracks: readonly Track[];
  /** Unique on its page. */
  readonly id?: string;
}

interface MarksProps {
  /** Of these tracks, in their order. Undefined for a timeline without marks. */
  readonly marks?: readonly Mark[];
  /** Goes to a place; undefined while that is not possible. */
  readonly onGo?: ((to: Moment) => void) | undefined;
  /**
   * Answers what goes to an instant, virtual time since the first power-on in ms; undefined where the run has no way there. Itself
   * undefined while that is not possible.
   */
  readonly wayTo?: ((atMs: number) => (() => void) | undefined) | undefined;
}

export function Timeline({ tracks, marks, onGo, wayTo, id = 'timeline' }: TimelineProps): VNode | null {
  if (tracks.length === 0) return null;
  const nowMs = marks?.find(({ kind }) => kind === 'now')?.atMs ?? Infinity;
  return (
    <section id={id} aria-label="timeline">
      <h2>Timeline</h2>
      <ol class="tracks">
        {tracks.map((track, index) => (
          <li key={index} class="track" data-kind={track.kind} style={{ borderColor: trackColour(track.kind) }}>
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
                <Step
                  key={at}
                  span={span}
                  isAhead={span.beginMs >= nowMs && nowMs < track.endMs}
                  marks={(marks ?? []).filter((mark) => mark.track === index && mark.span === at)}
                  onGo={onGo}
                  wayTo={wayTo}
                />
              ))}
            </ol>
          </li>
        ))}
      </ol>
      <div class="map">
        <Legend label="steps" rows={marks ? [...STEP_ROWS, AHEAD_ROW] : STEP_ROWS} />
        <Legend label="tracks" rows={TRACK_ROWS} />
        {marks && <Legend label="marks" rows={MARK_ROWS} />}
      </div>
    </section>
  );
}

interface StepProps extends Required<MarksProps> {
  readonly span: Span;
  /** Only the run before has come there. */
  readonly isAhead: boolean;
}

function Step({ span, isAhead, marks, onGo, wayTo }: StepProps): VNode {
  const { step, beginMs, durationMs, isCut } = span;
  const length = durationText(durationMs);
  const go = wayTo?.(beginMs);
  return (
    <li
      class={isAhead ? 'span ahead' : 'span'}
      data-kind={step}
      style={{ flexGrow: weightOf(durationMs), ...(!isAhead && { background: stepColour(step) }) }}
      title={`${STEP_NAMES[step]}: ${length}, from ${durationText(beginMs)} on${isCut ? ', not ended' : ''}${isAhead ? ', in the run before' : ''}`}
    >
      {go ? (
        <button
          type="button"
          class="span-name"
          // By keys, the slider does the same, without a stop at each step.
          tabIndex={-1}
          title={`go to ${durationText(beginMs)}`}
          onClick={go}
        >
          {STEP_NAMES[step]}
        </button>
      ) : (
        <span class="span-name">{STEP_NAMES[step]}</span>
      )}{' '}
      <span class="span-time">{isCut ? 'not ended' : length}</span>
      {marks.map((mark, index) => (
        <MarkView key={index} mark={mark} onGo={onGo} wayTo={wayTo} />
      ))}
    </li>
  );
}

function MarkView({
  mark,
  onGo,
  wayTo,
}: { readonly mark: Mark } & Pick<Required<MarksProps>, 'onGo' | 'wayTo'>): VNode {
  const { kind, title, moment, atMs } = mark;
  const isBad = kind === 'fault' || kind === 'failure';
  const text = isBad ? `${kind}: ${mark.text}` : mark.text;
  const colour = markColour(kind);
  const style = { borderColor: colour, ...(isBad && { color: colour }) };
  const wayToIt = isBad ? wayTo?.(atMs) : undefined;
  const go = moment && onGo ? () => onGo(moment) : wayToIt;
  if (moment ?? go)
    return (
      <button
        type="button"
        class="mark"
        data-kind={kind}
        title={title}
        style={style}
        {...(!go && { 'aria-disabled': true })}
        onClick={() => go?.()}
      >
        {text}
      </button>
    );
  return (
    <span class="mark" data-kind={kind} title={title} style={style} {...(kind === 'now' && { 'aria-current': 'step' })}>
      {text}
    </span>
  );
}

/** Steps take from microseconds to minutes: each ten times as long is one wider. */
export const weightOf = (durationMs: number): number => Number((1 + Math.log10(1 + durationMs * 1000)).toFixed(2));
