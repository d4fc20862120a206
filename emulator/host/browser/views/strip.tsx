// SPDX-License-Identifier: MIT
/** What the disk map and a page without programs show alike of strips. */
import type { VNode } from 'preact';
import { countsOf, volumeText, type Strip } from './disk-map-model.js';
import { Legend } from './legend.js';

export interface StripFigureProps extends Pick<Strip, 'volume'> {
  /** The picture. */
  readonly children: VNode;
}

export const StripFigure = ({ volume, children }: StripFigureProps): VNode => (
  <figure class="strip">
    <figcaption>
      {volumeText(volume)} <span class="dim">{Number((volume.sectors / 2048).toFixed(1))} MiB</span>
    </figcaption>
    {children}
  </figure>
);

/** Of the picture of a strip, for who does not see it. */
export const stripLabel = ({ volume }: Pick<Strip, 'volume'>): string =>
  `map of ${volume.device}; the table has the numbers`;

export const StripLegend = ({ strips }: { readonly strips: readonly Strip[] }): VNode => (
  <Legend rows={countsOf(strips.map(({ last }) => last)).map((row) => ({ ...row, name: `sectors ${row.name}` }))} />
);
