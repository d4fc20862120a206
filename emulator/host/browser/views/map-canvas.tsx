// SPDX-License-Identifier: MIT
/** The canvas of a map. */
import type { VNode } from 'preact';
import type { Painter } from './painter.js';
import { placeOfClick, type Picture } from './picture.js';

export interface MapCanvasProps {
  readonly painter: Painter;
  readonly picture: Picture;
  readonly id?: string;
  /** For who does not see it. */
  readonly label: string;
  /** Width on the page, as in CSS; undefined: its style sheet tells. */
  readonly width?: string;
  /** Takes where it was clicked; see `placeOfClick`. */
  readonly onPlace: (x: number, y: number) => void;
}

export const MapCanvas = ({ painter, picture, id, label, width, onPlace }: MapCanvasProps): VNode => (
  <canvas
    // The page can set neither size nor painter of a canvas that a worker draws on. So another element takes its place.
    key={`${painter.name}-${picture.width}x${picture.height}`}
    {...(id !== undefined && { id })}
    role="img"
    aria-label={label}
    width={picture.width}
    height={picture.height}
    {...(width !== undefined && { style: { width } })}
    ref={(canvas) => {
      if (canvas !== null) painter.draw(canvas as object, picture);
    }}
    onClick={(event) => {
      const { x, y } = placeOfClick(event);
      onPlace(x, y);
    }}
  />
);
