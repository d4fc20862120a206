// SPDX-License-Identifier: MIT
/** What the rig's patches and the rig itself both write down must agree. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import {
  KERNEL_STEPS,
  MARKER_LAYOUT,
  MARKER_PORT_KERNEL,
  MARKER_PORT_PVPANIC,
  MARKER_SENDING,
  MARKER_SENT,
  stepBegin,
} from '../../../emulator/machine/markers.js';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { readSeries, type Patch } from '../../../guest-kernel/series.js';

const guestKernel = packagePath('guest-kernel');

const addedBy = ({ text }: Pick<Patch, 'text'>): readonly string[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('+') && !line.startsWith('+++'))
    .map((line) => line.slice(1));

/** All lines that the series adds. */
const addedLines = async (): Promise<string> =>
  (await readSeries(join(guestKernel, 'patches'))).flatMap(addedBy).join('\n');

test('a patch for the pristine source adds what its namesake adds, but for what only the series has', async (t) => {
  const series = await readSeries(join(guestKernel, 'patches'));
  const pristine = await readSeries(join(guestKernel, 'pristine'));
  t.same(
    pristine.map(({ file }) => file),
    series.flatMap(({ file }) => (/^090[123]-/.test(file) ? [file] : [])),
  );
  for (const patch of pristine) {
    const namesake = series.find(({ file }) => file === patch.file);
    const added = addedBy(patch);
    const lost = (namesake ? addedBy(namesake) : []).filter((line) => !added.includes(line));
    t.same(lost, patch.file.startsWith('0903-') ? ['\t{ RIG_ADDRESS(rollback_pages) },'] : [], patch.file);
    t.equal(added.length, addedBy(namesake ?? patch).length - lost.length, `${patch.file}: nothing else`);
  }
});

test('the kernel numbers its markers as the rig does', async (t) => {
  const added = await addedLines();
  const steps = Object.fromEntries(
    [...added.matchAll(/^\tRIG_([A-Z_]+) = (\d+),$/gm)].map(([, name = '', step]) => [camel(name), Number(step)]),
  );
  t.same(steps, KERNEL_STEPS);
  const constants = Object.fromEntries(
    [...added.matchAll(/^#define RIG_MARKER_([A-Z]+)\s+(0x[0-9a-f]+)(?:\s+\/\*.*)?$/gm)].map(([, name = '', value]) => [
      name,
      Number(value),
    ]),
  );
  t.same(constants, {
    PORT: MARKER_PORT_KERNEL,
    STEP: stepBegin('call') - 2 * KERNEL_STEPS.call,
    LAYOUT: MARKER_LAYOUT,
    PVPANIC: MARKER_PORT_PVPANIC,
    SENDING: MARKER_SENDING,
    SENT: MARKER_SENT,
  });
});

test('LAYOUT.md names exactly the entries that the kernel sends', async (t) => {
  const sent = entryNames(await addedLines());
  const documented = new Set(
    [...(await readFile(join(guestKernel, 'LAYOUT.md'), 'utf8')).matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  );
  t.same(
    [...sent].filter((name) => !documented.has(name)),
    [],
    'every entry is documented',
  );
  const entries = [...documented].filter(
    (name) =>
      /^(&\w+|sizeof\(\w+\)|[a-z_0-9]+\.[a-z_]\w*)$/.test(name) &&
      !/^(init_task\.tasks|(page|struct)\.field)$/.test(name) &&
      !/\.[chn]$/.test(name),
  );
  t.same(
    entries.filter((name) => !sent.has(name) && !['struct.field', '&symbol', 'sizeof(struct)'].includes(name)),
    [],
    'every documented entry is sent',
  );
  for (const name of sent) t.ok(name.length < 32, `${name} fits`);
});

function camel(name: string): string {
  return name.toLowerCase().replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** Names of the layout entries that C source initialises. */
function entryNames(source: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [, macro, first = '', second = ''] of source.matchAll(
    /\{ RIG_(FIELD_AS|FIELD|SIZE|ADDRESS|NUMBER)\("?([^",)]+)"?(?:, (\w+))?[^)]*\) \}/g,
  )) {
    names.add(
      macro === 'FIELD'
        ? `${first}.${second}`
        : macro === 'SIZE'
          ? `sizeof(${first})`
          : macro === 'ADDRESS'
            ? `&${first}`
            : first,
    );
  }
  for (const [, name = ''] of source.matchAll(/\{ \.name = "([^"]+)", \.value/g)) names.add(name);
  return names;
}
