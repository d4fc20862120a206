// SPDX-License-Identifier: MIT
/** What a visit of the page takes, as data and as text. */
import { summarize, type Summary } from '../statistics.js';
import { indent, renderTable, seconds } from '../table.js';
import { aimText, meets, type Aim } from '../verdict.js';

export interface VisitSample {
  /** From the opening of the page to the prompt of its machine. */
  readonly promptMs: number;
  /** What the server has sent until then, with its headers. */
  readonly wireBytes: number;
}

export interface PageResult {
  readonly first: { readonly promptMs: Summary; readonly wireBytes: Summary };
  readonly warm: { readonly promptMs: Summary; readonly wireBytes: Summary };
  readonly met: { readonly wireBytes: boolean; readonly promptMs: boolean };
}

export const PAGE_AIMS = {
  /** Of a first visit. */
  wireMB: { atMost: 15 },
  /** Of a later visit. */
  promptSeconds: { atMost: 3 },
} as const satisfies Record<string, Aim>;

export function pageResult(first: readonly VisitSample[], warm: readonly VisitSample[]): PageResult {
  const of = (samples: readonly VisitSample[]): PageResult['first'] => ({
    promptMs: summarize(samples.map(({ promptMs }) => promptMs)),
    wireBytes: summarize(samples.map(({ wireBytes }) => wireBytes)),
  });
  const result = { first: of(first), warm: of(warm) };
  return {
    ...result,
    met: {
      wireBytes: meets(PAGE_AIMS.wireMB, result.first.wireBytes.median / 1e6),
      promptMs: meets(PAGE_AIMS.promptSeconds, result.warm.promptMs.median / 1000),
    },
  };
}

export function renderPage({ first, warm }: PageResult): string {
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
  ].join('\n');
}
