// SPDX-License-Identifier: MIT
/** The colours of each legend can be told apart, with any colour vision and in both schemes. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { countsOf, WRITERS } from '../../../emulator/host/browser/views/disk-map-model.js';
import { fateLegendOf } from '../../../emulator/host/browser/views/fate-model.js';
import type { LegendRow } from '../../../emulator/host/browser/views/legend.js';
import { legendOf } from '../../../emulator/host/browser/views/memory-map-model.js';
import { AHEAD_ROW, MARK_ROWS, STEP_ROWS, TRACK_ROWS } from '../../../emulator/host/browser/views/timeline-look.js';
import { distance, VISIONS, type Vision } from './fixtures/vision.js';

/**
 * More than six times what is just noticeable between two areas side by side: a pixel of a map is small, and its row in the legend is
 * not beside it. The colours of the maps, after Okabe and Ito, are at least 16 from each other.
 */
const DISTANCE_MIN = 15;

const SCHEMES = ['light', 'dark'] as const;
type Scheme = (typeof SCHEMES)[number];

const LEGENDS: Readonly<Record<string, readonly LegendRow[]>> = {
  'kinds of pages': legendOf(new Uint8Array(0)),
  'fates of pages': fateLegendOf(new Uint8Array(0)),
  'writers of sectors': countsOf([Uint8Array.from(WRITERS.keys())]),
  'steps of the timeline': [...STEP_ROWS, AHEAD_ROW],
  'tracks of the timeline': TRACK_ROWS,
  'marks of the timeline': MARK_ROWS,
};

/** The colours of a scheme by their names. The first ones are those of the light scheme, of which the dark one replaces some. */
function namesIn(css: string): Readonly<Record<Scheme, ReadonlyMap<string, string>>> {
  const [light = [], dark = []] = [...css.matchAll(/:root \{([^}]*)\}/g)].map(([, block = '']) =>
    [...block.matchAll(/--([a-z]+): (#[0-9a-f]{6});/g)].map(([, name = '', colour = '']) => [name, colour] as const),
  );
  return { light: new Map(light), dark: new Map([...light, ...dark]) };
}
const named = namesIn(readFileSync(packagePath('emulator', 'host', 'browser', 'page.css'), 'utf8'));

function colourIn(scheme: Scheme, colour: string): string {
  const name = /^var\(--([a-z]+)\)$/.exec(colour)?.[1];
  const found = name === undefined ? colour : named[scheme].get(name);
  if (found === undefined || !/^#[0-9a-f]{6}$/.test(found)) throw new Error(`${colour} is no colour`);
  return found;
}

/** Each pair of rows that is too near, with its distance. */
const tooNear = (rows: readonly LegendRow[], scheme: Scheme, vision: Vision): readonly string[] =>
  rows.flatMap((one, at) =>
    rows.slice(at + 1).flatMap((two) => {
      const apart = distance(colourIn(scheme, one.colour), colourIn(scheme, two.colour), vision);
      return apart < DISTANCE_MIN ? [`${one.kind} and ${two.kind}: ${apart.toFixed(1)}`] : [];
    }),
  );

t.test('each pair of colours in a legend', async (t) => {
  for (const [name, rows] of Object.entries(LEGENDS)) {
    t.ok(rows.length > 2, name);
    for (const scheme of SCHEMES)
      for (const vision of VISIONS) t.same(tooNear(rows, scheme, vision), [], `${name}, ${scheme}, ${vision}`);
  }
});

t.test('the schemes differ', async (t) => {
  t.not(colourIn('light', 'var(--freeze)'), colourIn('dark', 'var(--freeze)'));
  t.throws(() => colourIn('dark', 'var(--none)'));
});

t.test('what is seen with another colour vision', async (t) => {
  const row = (kind: string, colour: string): LegendRow => ({ kind, name: kind, colour });
  const [red, green] = [row('red', '#b04030'), row('green', '#5f7020')];
  t.same(tooNear([red, green], 'light', 'usual'), []);
  t.match(tooNear([red, green], 'light', 'deuteranopia'), [/^red and green: /]);
  const [sky, mint] = [row('sky', '#cfe5f5'), row('mint', '#cdeadf')];
  t.match(tooNear([sky, mint], 'light', 'tritanopia'), [/^sky and mint: /]);
  for (const vision of VISIONS) {
    t.ok(Math.abs(distance('#000000', '#ffffff', vision) - 100) < 0.1, `${vision}: white stays white`);
    t.equal(distance('#0072b2', '#0072b2', vision), 0);
  }
});
