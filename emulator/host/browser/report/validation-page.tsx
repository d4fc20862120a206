// SPDX-License-Identifier: MIT
/**
 * A validation as one page without programs, links to other files or network: the matrix, and of each cell what was found, the figures
 * that moved, the timeline, the maps of memory and disks and the console. The timeline and the maps are those of the page with a machine.
 */
import { renderToString } from 'preact-render-to-string';
import type { VNode } from 'preact';
import { faultLines } from '../../../console/faults.js';
import type { Finding } from '../../../cycle/outcome.js';
import type { MachineShown } from '../../../cycle/machines.js';
import { printable, printableLine } from '../../../report/escape.js';
import { counted, grouped } from '../../../report/numbers.js';
import type { ReplayableResult } from '../../../validate/cell.js';
import type { CellComparison } from '../../../validate/compare.js';
import { METHOD_COLUMNS, methodRows } from '../../../validate/methods.js';
import { countText, percentText, sourceText } from '../../../validate/text.js';
import { remarksOf, remarksTitle } from '../../../validate/remarks.js';
import type { Validation } from '../../../validate/validation.js';
import type { DiskShown } from '../session/disks.js';
import { stripsOf } from '../views/disk-map-model.js';
import { StripLegend } from '../views/strip.js';
import { Timeline } from '../views/timeline.js';
import { timelineOf } from '../views/timeline-model.js';
import { MemoryPicture, StripPicture } from './pixel-picture.js';

/** What a run has shown besides what its verdict says. */
export interface RunShown {
  /** SHA-256 (hex) of what its machine was made of, by name. */
  readonly artifacts: Readonly<Record<string, string>>;
  readonly machines: readonly MachineShown[];
  readonly disks: readonly DiskShown[];
  /** The kinds of all pages at the atomic copies; see `KindReader.kinds`. */
  readonly copies: readonly Uint8Array[];
  /** The end of the console of a run that failed. */
  readonly console?: string;
}

export interface CellShown {
  readonly base: RunShown;
  readonly patched: RunShown;
}

/** `shown`: by the name of the cell. `css`: the styles of the page with a machine. */
export function renderValidationPage(
  validation: Validation,
  shown: ReadonlyMap<string, CellShown>,
  css: string,
): string {
  const title = `Snapback: ${validation.verdict}`;
  const body = renderToString(<Page validation={validation} shown={shown} />);
  return [
    '<!DOCTYPE html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<title>${title}</title>`,
    // Nothing in a style may end it.
    `<style>${`${css}\n${OWN_CSS}`.replaceAll('</', '<\\/')}</style>`,
    '</head>',
    `<body>${body}</body>`,
    '</html>',
    '',
  ].join('\n');
}

const OWN_CSS = `
.matrix { border-collapse: collapse; }
.matrix th, .matrix td { text-align: left; font-weight: normal; padding: 0.2rem 1rem 0.2rem 0; vertical-align: top; }
.matrix .number { text-align: right; font-variant-numeric: tabular-nums; }
[data-kind='broken'], .fault { color: var(--bad); font-weight: 600; }
[data-kind='fixed'] { color: var(--good); font-weight: 600; }
pre { font-size: 0.8rem; background: var(--plain); padding: 0.4rem; max-height: 30rem; overflow: auto; }
section.cell { border-top: 1px solid var(--line); margin-top: 1.5rem; }
`;

function Page({
  validation,
  shown,
}: {
  readonly validation: Validation;
  readonly shown: ReadonlyMap<string, CellShown>;
}): VNode {
  const { verdict, kernelVersion, flavours, matrix, patches, kernels, buildFailure, cells, notRun, ended, bisected } =
    validation;
  return (
    <main>
      <h1>
        <span class={verdict === 'not broken' ? 'good' : 'bad'}>{verdict}</span>: {countText(validation)}
      </h1>
      <p>
        {counted(patches.length, 'patch')} on {sourceText(kernelVersion, flavours)}, {flavours.join(' and ')}, matrix{' '}
        {printableLine(matrix)}
      </p>
      <ul>
        {patches.map(({ name, subject }, index) => (
          <li key={index}>{printableLine(subject === '' ? name : `${name}: ${subject}`)}</li>
        ))}
      </ul>
      {(kernels ?? []).map(({ flavour, base, patched }) => (
        <p key={flavour} class="dim">
          SHA-256 of the {flavour} kernels: with the patches <code>{patched}</code>, without them <code>{base}</code>
        </p>
      ))}
      {buildFailure && <Lines title={`It does not build: ${buildFailure.where}`} lines={buildFailure.details} />}
      {ended && <Lines title={`It ended early: ${ended.reason}`} lines={ended.details} />}
      {remarksOf(validation).map((remarks) => (
        <Lines key={remarks.tool} title={remarksTitle(remarks)} lines={remarks.lines} />
      ))}
      {cells.length + notRun.length > 0 && (
        <table class="matrix" aria-label="matrix">
          <tbody>
            {cells.map((cell, index) => (
              <tr key={cell.cell.name}>
                <th scope="row">
                  <a href={`#cell-${index}`}>{printableLine(cell.cell.name)}</a>
                </th>
                <td data-kind={cell.change}>{cell.change}</td>
                <td>{movedText(cell)}</td>
              </tr>
            ))}
            {notRun.map((name) => (
              <tr key={name}>
                <th scope="row">{printableLine(name)}</th>
                <td>not run</td>
                <td />
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Methods cells={cells} />
      {(bisected ?? []).map(({ cell, suspects, skipped }) => (
        <Lines
          key={cell}
          title={`${cell} is broken first by ${suspects.map(({ name, subject }) => subject || name).join(', or ')}`}
          lines={skipped.map(({ patch, why }) => `not judged with ${patch.name}: ${why}`)}
        />
      ))}
      {cells.map((cell, index) => (
        <Cell key={cell.cell.name} id={`cell-${index}`} cell={cell} shown={shown.get(cell.cell.name)} />
      ))}
    </main>
  );
}

/** The same work by both methods. */
function Methods({ cells }: Pick<Validation, 'cells'>): VNode | null {
  const rows = methodRows(cells);
  if (rows.length === 0) return null;
  return (
    <section aria-label="methods">
      <h2>The same work by both methods, with the patches</h2>
      <table class="matrix">
        <thead>
          <tr>
            <th scope="col">work</th>
            <th scope="col">method</th>
            <th scope="col">verdict</th>
            {METHOD_COLUMNS.map((title) => (
              <th key={title} scope="col" class="number">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ work, method, verdict, values }, index) => (
            <tr key={index}>
              <th scope="row">{printableLine(work)}</th>
              <td>{method}</td>
              <td class={verdict === 'pass' ? 'good' : 'bad'}>{verdict}</td>
              {values.map((value, at) => (
                <td key={at} class="number">
                  {value}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const movedText = ({ figures }: CellComparison): string => {
  const moved = figures.filter(({ is }) => is !== 'same');
  if (moved.length > 0)
    return moved.map(({ title, percent, is }) => `${is}: ${title} ${percentText(percent)}`).join('; ');
  return figures.length > 0 ? 'all figures within their bounds' : '';
};

interface CellProps {
  readonly id: string;
  readonly cell: CellComparison;
  readonly shown: CellShown | undefined;
}

function Cell({ id, cell: { cell, change, base, patched, figures }, shown }: CellProps): VNode {
  return (
    <section id={id} class="cell" aria-label={cell.name}>
      <h1>
        {printableLine(cell.name)}: <span data-kind={change}>{change}</span>
      </h1>
      <Run id={`${id}-patched`} title="With the patches" result={patched} shown={shown?.patched} />
      {/* Both say the same where nothing has changed. */}
      {change !== 'unchanged' && (
        <Run id={`${id}-base`} title="Without the patches" result={base} shown={shown?.base} />
      )}
      {figures.length > 0 && (
        <details>
          <summary>Figures</summary>
          <table class="matrix">
            <tbody>
              {figures.map(({ name, title, base: before, patched: now, percent, is }) => (
                <tr key={name}>
                  <th scope="row">{title}</th>
                  <td class="number">{grouped(before)}</td>
                  <td class="number">{grouped(now)}</td>
                  <td class="number">{percentText(percent)}</td>
                  <td>{is}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
    </section>
  );
}

interface RunProps {
  readonly id: string;
  readonly title: string;
  readonly result: ReplayableResult;
  readonly shown: RunShown | undefined;
}

function Run({ id, title, result: { verdict, findings, stateHash, replay }, shown }: RunProps): VNode {
  return (
    <div>
      <h2>
        {title}: <span class={verdict === 'pass' ? 'good' : 'bad'}>{verdict}</span>
      </h2>
      <p class="dim">
        <code>{printableLine(replay)}</code> ends in the state <code>{stateHash}</code>.
      </p>
      {findings.map((finding, index) => (
        <FindingView key={index} finding={finding} />
      ))}
      {shown && <Timeline id={`${id}-timeline`} tracks={timelineOf(shown.machines)} />}
      {shown && <Copies shown={shown} />}
      {shown && <Disks shown={shown} />}
      {shown?.console !== undefined && <Console text={shown.console} />}
      {shown && <Artifacts artifacts={shown.artifacts} />}
    </div>
  );
}

const Artifacts = ({ artifacts }: Pick<RunShown, 'artifacts'>): VNode => (
  <details>
    <summary>SHA-256 of what the machine was made of</summary>
    <table class="matrix">
      <tbody>
        {Object.entries(artifacts).map(([name, sha256]) => (
          <tr key={name}>
            <th scope="row">{printableLine(name)}</th>
            <td>
              <code>{sha256}</code>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </details>
);

const FindingView = ({ finding: { kind, what, details, remedy } }: { readonly finding: Finding }): VNode => (
  <Lines title={`${kind}: ${what}`} lines={remedy === undefined ? details : [...details, `what to do: ${remedy}`]} />
);

const Lines = ({ title, lines }: { readonly title: string; readonly lines: readonly string[] }): VNode => (
  <div>
    <p class="bad">{printableLine(title)}</p>
    {lines.length > 0 && <pre>{lines.map(printableLine).join('\n')}</pre>}
  </div>
);

const Copies = ({ shown: { copies } }: { readonly shown: RunShown }): VNode => (
  <>
    {copies.map((kinds, index) => (
      <details key={index}>
        <summary>
          Memory at the atomic copy{copies.length > 1 && ` number ${index + 1}`}: what each of {grouped(kinds.length)}{' '}
          pages was used for (a pixel is a page)
        </summary>
        <MemoryPicture kinds={kinds} />
      </details>
    ))}
  </>
);

function Disks({ shown: { disks, machines } }: { readonly shown: RunShown }): VNode | null {
  const strips = stripsOf(disks, machines);
  if (strips.length === 0) return null;
  return (
    <details>
      <summary>Disks: who has written where last (a pixel is 64 KiB)</summary>
      <div class="map">
        <div class="strips">
          {strips.map((strip) => (
            <StripPicture key={strip.volume.device} strip={strip} />
          ))}
        </div>
        <StripLegend strips={strips} />
      </div>
    </details>
  );
}

/** Lines by which a fault of the kernel is known are marked. */
function Console({ text }: { readonly text: string }): VNode {
  const lines = printable(text.replaceAll('\r\n', '\n')).split('\n');
  const faults = new Set(faultLines(lines).map(({ index }) => index));
  return (
    <details>
      <summary>
        Console, {counted(lines.length, 'line')}, {counted(faults.size, 'line')} with a fault
      </summary>
      <pre>
        {lines.map((line, index) => (
          <span key={index} class={faults.has(index) ? 'fault' : ''}>
            {`${line}\n`}
          </span>
        ))}
      </pre>
    </details>
  );
}
