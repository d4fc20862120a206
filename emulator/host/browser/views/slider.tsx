// SPDX-License-Identifier: MIT
/** The sliders of the page. */
import type { VNode } from 'preact';
import type { Entered } from './entered.js';

export interface SliderProps {
  readonly id: string;
  readonly label: string;
  readonly min: number;
  readonly max: number;
  /** Absent: 1. */
  readonly step?: number;
  readonly value: number;
  /** What the value means, for screen readers. */
  readonly text: string;
  readonly onMove: (value: number) => void;
}

/** With its label before it. */
export const Slider = ({ id, label, min, max, step, value, text, onMove }: SliderProps): VNode => (
  <>
    <label for={id}>{label}</label>
    <input
      id={id}
      type="range"
      min={min}
      max={max}
      {...(step !== undefined && { step })}
      value={value}
      aria-valuetext={text}
      onInput={(event) => onMove(Number((event as Entered).currentTarget.value))}
    />
  </>
);
