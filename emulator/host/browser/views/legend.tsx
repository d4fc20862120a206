// SPDX-License-Identifier: MIT
/** The legend of a map or of the timeline. That of a map says how often there is each kind. */
import type { VNode } from 'preact';

export interface LegendRow {
  readonly kind: string;
  readonly name: string;
  /** As in CSS. */
  readonly colour: string;
  /** Undefined where nothing is counted. */
  readonly count?: number;
  /** What has this colour, if it is no area. */
  readonly as?: 'line' | 'frame' | 'dashes';
}

export interface LegendProps {
  readonly rows: readonly LegendRow[];
  /** For who does not see that there are several. */
  readonly label?: string;
}

export const Legend = ({ rows, label }: LegendProps): VNode => (
  <table class="legend" {...(label !== undefined && { 'aria-label': label })}>
    <tbody>
      {rows.map(({ kind, name, colour, count, as }) => (
        <tr key={kind} data-kind={kind}>
          <td>
            {as === undefined ? (
              <span class="swatch" style={{ background: colour }} />
            ) : (
              <span class={`swatch ${as}`} style={{ borderColor: colour }} />
            )}
          </td>
          <th scope="row">{name}</th>
          {count !== undefined && <td class="number">{count}</td>}
        </tr>
      ))}
    </tbody>
  </table>
);
