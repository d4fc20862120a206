// SPDX-License-Identifier: MIT
/** The page of a validation: what is on it, and that it needs nothing besides. */
import t from 'tap';
import { pathOf } from '../../../emulator/host/browser/report/pixel-picture.js';
import { renderValidationPage } from '../../../emulator/host/browser/report/validation-page.js';
import { ROW_PIXELS } from '../../../emulator/host/browser/views/disk-map-model.js';
import { validationOf } from '../../../emulator/validate/plan.js';
import type { Validation } from '../../../emulator/validate/validation.js';
import { renderHtml, shownOf } from '../../../tools/cli/html.js';
import { parseXml } from '../report/readers.js';
import { PLAN, RESULTS } from '../validate/plans.js';

const WHOLE = validationOf(PLAN, RESULTS, ({ cell }, which) => `replay ${cell.name} <${which}>`);
const page = (over: Partial<Validation> = {}): string =>
  renderValidationPage({ ...WHOLE, ...over }, shownOf(PLAN, RESULTS), '.x { color: red; } </style>');
/** The part of a page about a cell. */
const about = (html: string, name: string): string =>
  new RegExp(
    `<section id="cell-\\d+" class="cell" aria-label="${name}">[^]*?(?=<section id="cell-\\d+" class|</main>)`,
  ).exec(html)?.[0] ?? '';

t.test('the matrix, and each cell with what was found', (t) => {
  const html = page();
  t.match(html, /<h1><span class="bad">broken<\/span>: 3 cells: 1 broken, 2 unchanged<\/h1>/);
  t.match(html, /<a href="#cell-1">b<\/a><\/th><td data-kind="broken">broken<\/td>/);
  t.match(html, new RegExp(WHOLE.kernels?.[0]?.patched ?? 'no kernel'));
  const broken = about(html, 'b');
  t.match(broken, /memory: 1 page &lt;differs> # here/, 'it is text, and not markup');
  t.match(broken, /replay b &lt;patched>[^]*ends in the state[^]*(?:ab){32}/);
  t.match(broken, /With the patches[^]*Without the patches/);
  t.match(broken, /<span class="fault">\[ +2\.000000\] BUG: a &lt;fault>\n<\/span>/);
  t.match(broken, /<span class>\[ +1\.000000\] fine\n<\/span>/);
  t.notMatch(about(html, 'a'), /Without the patches|Console/, 'what is unchanged is said once');
  t.end();
});

t.test('the same work by both methods is one table', (t) => {
  const cells = WHOLE.cells.slice(0, 1).flatMap((one) => {
    const { cell } = one;
    return (['sys_snapshot', 'swsusp'] as const).map((method) => ({
      ...one,
      cell: { ...cell, name: `${cell.name}, ${method}`, method },
    }));
  });
  const [table = ''] = /<section aria-label="methods">[^]*?<\/section>/.exec(page({ cells })) ?? [];
  t.match(table, /<th scope="row">a<\/th><td>sys_snapshot<\/td><td class="good">pass<\/td>/);
  t.match(table, /<th scope="row">a<\/th><td>swsusp<\/td>/);
  t.notMatch(page(), /both methods/);
  t.end();
});

t.test('timelines and maps are those of the page with a machine', (t) => {
  const cell = about(page(), 'a');
  t.match(cell, /<li class="track" data-kind="run"[^>]*>[^]*<span class="span-name">copy<\/span>/);
  t.match(cell, /<li class="track" data-kind="live" style="border-color:#d55e00;">/);
  t.match(cell, /<table class="legend" aria-label="steps">[^]*<table class="legend" aria-label="tracks">/);
  t.notMatch(cell, /aria-label="marks"|in the run before/, 'it has no marks');
  t.match(cell, /sda1, origin, ext4/);
  t.match(cell, /<tr data-kind="run">[^]*?<td class="number">8<\/td>/);
  t.match(cell, /<svg [^>]*viewBox="0 -0.5 16 1"[^>]*>[^]*<path stroke="#d5d9dd" d="M1 0h15"/);
  t.match(cell, /Memory at the atomic copy: what each of 302 pages/);
  t.match(
    cell,
    /<svg [^>]*viewBox="0 -0.5 256 2"[^>]*><path stroke="#d5d9dd" d="M0 0h256M0 1h44"><\/path><path stroke="#009e73" d="M44 1h2"/,
  );
  t.match(cell, /<tr data-kind="anonymous">[^]*?<td class="number">2<\/td>/);
  const row = new Uint8Array(ROW_PIXELS + 3).fill(1, 2, ROW_PIXELS + 1);
  t.equal(pathOf(row, 1, ROW_PIXELS), `M2 0h${ROW_PIXELS - 2}M0 1h1`, 'a run ends with its row');
  t.equal(pathOf(row, 3, ROW_PIXELS), '');
  t.end();
});

t.test('a kernel that does not build, and a validation that ended early', (t) => {
  const { kernels: _, ...rest } = WHOLE;
  const none = { ...rest, cells: [], notRun: ['a', 'b'] };
  const html = renderValidationPage(
    { ...none, verdict: 'does not build', buildFailure: { where: 'x.c, line 3: <no>', details: ['x.c:3: error'] } },
    new Map(),
    '',
  );
  t.match(html, /It does not build: x\.c, line 3: &lt;no>[^]*x\.c:3: error[^]*<td>not run<\/td>/);
  t.match(
    renderValidationPage(
      { ...none, verdict: 'unfinished', ended: { reason: 'interrupted', details: [] } },
      new Map(),
      '',
    ),
    /It ended early: interrupted/,
  );
  t.end();
});

t.test('it needs no network and runs no program', async (t) => {
  const html = await renderHtml(WHOLE, PLAN, RESULTS);
  t.match(html, /default-src &#39;none&#39;|default-src 'none'/);
  t.notMatch(html, /<script|<link|<img|@import|url\(|https?:/i);
  t.match(html, /\.tracks/, 'the styles of the page');
  t.equal(page().match(/<\/style>/g)?.length, 1, 'no text ends the styles');
  const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  t.equal(new Set(ids).size, ids.length, 'each id is there once');
  parseXml(/<main>[^]*<\/main>/.exec(html.replaceAll(/ class(?=[ >])/g, ''))?.[0] ?? '');
});
