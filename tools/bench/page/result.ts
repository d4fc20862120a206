// SPDX-License-Identifier: MIT
/** What a visit of the page takes, as data and as text. */
import { ratio, summarize, type Summary } from '../statistics.js';
import { indent, quotient, renderTable, seconds } from '../table.js';
import { aimText, judge, meets, type Aim, type Verdict } from '../verdict.js';
import type { BothSamples } from './chromium.js';
import { IN_CHROMIUM, type InChromium } from './in-node.js';
import type { WaySample, WaySamples } from './places.js';

export interface VisitSample {
  /** From the opening of the page to the prompt of its machine. */
  readonly promptMs: number;
  /** What the server has sent until then, with its headers. */
  readonly wireBytes: number;
}

/** The memory map while its machine has work all the time. */
export interface MapSample {
  /** Pictures that were drawn. */
  readonly framesPerSecond: number;
  readonly pictureMs: number;
  /** Instructions of the machine in a second of real time, with its memory watched, and right before or after it not watched. */
  readonly watchedPerSecond: number;
  readonly alonePerSecond: number;
}

/** Going to an instant of a machine that has had work for a minute. */
export interface BackSample {
  readonly wentMs: number;
}

export interface WayResult {
  readonly title: string;
  readonly wentMs: Summary;
}

export interface PageResult {
  readonly first: { readonly promptMs: Summary; readonly wireBytes: Summary };
  readonly warm: { readonly promptMs: Summary; readonly wireBytes: Summary };
  readonly map: {
    readonly framesPerSecond: Summary;
    readonly pictureMs: Summary;
    /** How many times faster the machine is while nobody watches its memory. */
    readonly slowdown: Verdict;
  };
  readonly back: { readonly wentMs: Summary };
  /** Per place of the run, in their order. */
  readonly places: readonly WayResult[];
  /** Per instant of the run, likewise. */
  readonly instants: readonly WayResult[];
  /** In headless Chromium, as a multiple of Node. */
  readonly both: Readonly<
    Record<InChromium, { readonly chromiumMs: Summary; readonly nodeMs: Summary; readonly verdict: Verdict }>
  >;
  readonly met: {
    readonly wireBytes: boolean;
    readonly promptMs: boolean;
    readonly framesPerSecond: boolean;
    readonly backSeconds: boolean;
    readonly placeSeconds: boolean;
    readonly instantSeconds: boolean;
  };
}

export const PAGE_AIMS = {
  /** Of a first visit. */
  wireMB: { atMost: 15 },
  /** Of a later visit. */
  promptSeconds: { atMost: 3 },
  framesPerSecond: { atLeast: 30 },
  /** By the memory map. */
  slowdown: { atMost: 1.1 },
  /** To an instant of a minute. */
  backSeconds: { atMost: 2 },
  /** To the place of a run to which the way takes longest. */
  placeSeconds: { atMost: 2 },
  /** Likewise, to an instant of a run. */
  instantSeconds: { atMost: 2 },
  ofNode: { atMost: 1.2 },
} as const satisfies Record<string, Aim>;

/** Of places and instants: all turns, one after another. */
export interface PageSamples extends WaySamples {
  readonly first: readonly VisitSample[];
  readonly warm: readonly VisitSample[];
  readonly maps: readonly MapSample[];
  readonly back: readonly BackSample[];
  readonly both: Readonly<Record<InChromium, BothSamples>>;
}

export function pageResult(all: PageSamples): PageResult {
  const { first, warm, maps, both: samples } = all;
  const of = (samples: readonly VisitSample[]): PageResult['first'] => ({
    promptMs: summarize(samples.map(({ promptMs }) => promptMs)),
    wireBytes: summarize(samples.map(({ wireBytes }) => wireBytes)),
  });
  const map = {
    framesPerSecond: summarize(maps.map(({ framesPerSecond }) => framesPerSecond)),
    pictureMs: summarize(maps.map(({ pictureMs }) => pictureMs)),
    slowdown: judge(
      ratio(
        maps.map(({ alonePerSecond }) => alonePerSecond),
        maps.map(({ watchedPerSecond }) => watchedPerSecond),
      ),
      PAGE_AIMS.slowdown,
    ),
  };
  const back = { wentMs: summarize(all.back.map(({ wentMs }) => wentMs)) };
  const [places, instants] = [waysOf(all.places), waysOf(all.instants)];
  const both = Object.fromEntries(
    IN_CHROMIUM.map((what) => {
      const { chromium, node } = samples[what];
      const verdict = judge(ratio(chromium, node), PAGE_AIMS.ofNode);
      return [what, { chromiumMs: summarize(chromium), nodeMs: summarize(node), verdict }];
    }),
  ) as PageResult['both'];
  const result = { first: of(first), warm: of(warm), map, back, places, instants, both };
  return {
    ...result,
    met: {
      wireBytes: meets(PAGE_AIMS.wireMB, result.first.wireBytes.median / 1e6),
      promptMs: meets(PAGE_AIMS.promptSeconds, result.warm.promptMs.median / 1000),
      framesPerSecond: meets(PAGE_AIMS.framesPerSecond, map.framesPerSecond.median),
      backSeconds: meets(PAGE_AIMS.backSeconds, back.wentMs.median / 1000),
      placeSeconds: meets(PAGE_AIMS.placeSeconds, farthestSeconds(places)),
      instantSeconds: meets(PAGE_AIMS.instantSeconds, farthestSeconds(instants)),
    },
  };
}

const waysOf = (went: readonly WaySample[]): readonly WayResult[] =>
  [...new Set(went.map(({ title }) => title))].map((title) => ({
    title,
    wentMs: summarize(went.filter((one) => one.title === title).map(({ wentMs }) => wentMs)),
  }));

/** The median of the way that takes longest. */
const farthestSeconds = (ways: readonly WayResult[]): number =>
  Math.max(...ways.map(({ wentMs }) => wentMs.median)) / 1000;

/** The median of all ways, and the longest one. */
function renderInstants(ways: readonly WayResult[]): string {
  const longest = farthestSeconds(ways);
  const all = summarize(ways.flatMap(({ wentMs }) => wentMs.samples));
  return [
    'Page: to an instant of that run',
    indent(`${seconds(all)} to one of ${ways.length} instants`),
    indent(`${longest.toFixed(2)} s of the longest way: ${aimText(PAGE_AIMS.instantSeconds, longest)}`),
  ].join('\n');
}

export function renderPage({ first, warm, map, back, places, instants, both }: PageResult): string {
  const megabytes = ({ median }: Summary): string => `${(median / 1e6).toFixed(2)} MB`;
  return [
    'Page: opened in headless Chromium, until its machine is at the prompt',
    indent(
      renderTable(
        ['', 'over the wire', 'prompt'],
        [
          ['first visit', megabytes(first.wireBytes), seconds(first.promptMs)],
          ['warm', megabytes(warm.wireBytes), seconds(warm.promptMs)],
        ],
      ),
    ),
    indent(`megabytes of a first visit: ${aimText(PAGE_AIMS.wireMB, first.wireBytes.median / 1e6)}`),
    indent(`seconds to the prompt when warm: ${aimText(PAGE_AIMS.promptSeconds, warm.promptMs.median / 1000)}`),
    indent(`each picture of the memory map takes ${map.pictureMs.median.toFixed(1)} ms`),
    indent(
      `${map.framesPerSecond.median.toFixed(1)} of them are drawn in a second: ${aimText(PAGE_AIMS.framesPerSecond, map.framesPerSecond.median)}`,
    ),
    indent(
      `the machine is ${quotient(map.slowdown.ratio)} times as fast without them: ${aimText(PAGE_AIMS.slowdown, map.slowdown.ratio.ofMedians)}`,
    ),
    indent(
      `${seconds(back.wentMs)} to an instant of a minute: ${aimText(PAGE_AIMS.backSeconds, back.wentMs.median / 1000)}`,
    ),
    'Page: to a place of a run that has been stepped through',
    indent(
      renderTable(
        ['', 'way'],
        places.map(({ title, wentMs }) => [title, seconds(wentMs)]),
      ),
    ),
    indent(`seconds of the longest way: ${aimText(PAGE_AIMS.placeSeconds, farthestSeconds(places))}`),
    renderInstants(instants),
    'Page: in headless Chromium against Node',
    indent(
      renderTable(
        ['', 'Chromium', 'Node', 'ratio'],
        IN_CHROMIUM.map((what) => {
          const { chromiumMs, nodeMs, verdict } = both[what];
          return [what, seconds(chromiumMs), seconds(nodeMs), verdict.ratio.ofMedians.toFixed(2)];
        }),
      ),
    ),
    ...IN_CHROMIUM.map((what) =>
      indent(`${what}, Chromium against Node: ${aimText(PAGE_AIMS.ofNode, both[what].verdict.ratio.ofMedians)}`),
    ),
  ].join('\n');
}
