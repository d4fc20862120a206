// SPDX-License-Identifier: MIT
/** The legend of a map, which says how often there is each kind. */
import type { VNode } from 'preact';
import type { Counted } from './picture.js';

export const Legend = ({ rows }: { readonly rows: readonly Counted<string>[] }): VNode => (
  <table class="legend">
    <tbody>
      {rows.map(({ kind, name, colour, count }) => (
        <tr key={kind} data-kind={kind}>
          <td>
            <span class="swatch" style={{ background: colour }} />
          </td>
          <th scope="row">{name}</th>
          <td class="number">{count}</td>
        </tr>
      ))}
    </tbody>
  </table>
);
