// SPDX-License-Identifier: MIT
/** The scenarios that can be chosen on the page, and when their machines are made. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { buildPage, buildWorkers } from '../../../esbuild.config.mjs';
import type { BuildContext } from '../../../emulator/host/node/artifacts/context.js';
import type { MachineDescription } from '../../../emulator/host/browser/storage/description.js';
import { LIST_PATH, readList } from '../../../emulator/host/browser/storage/scenario-list.js';
import { RigError } from '../../../emulator/machine/errors.js';
import { aboutOf, catalogueOf, chosenOf, lazyPages, listOf, wholePages } from '../../../tools/page/catalogue.js';
import { contentOf, type PageFile } from '../../../tools/page/files.js';
import type { PageContent } from '../../../tools/page/machine-files.js';
import { scenarioNames } from '../../../tools/run/scenario-names.js';
import { loadScenario, type LoadedScenario } from '../../../tools/run/scenario-file.js';

await buildWorkers();
await buildPage();

const context: BuildContext = {
  cacheDir: '/nonexistent',
  progress: () => undefined,
  signal: new AbortController().signal,
};
const json = async (file: PageFile | undefined): Promise<unknown> =>
  JSON.parse(new TextDecoder().decode(await contentOf(file ?? new Uint8Array()))) as unknown;

/** Stands for a machine: with two disks of which the second one depends on the memory. */
const contentFor = ({ plan, text }: LoadedScenario): PageContent => {
  const disk = (byte: number): { readonly base: Uint8Array } => ({ base: new Uint8Array(200_000).fill(byte) });
  const { memoryMiB } = plan.machine;
  const state = {
    checkpoint: { bytes: Uint8Array.of(memoryMiB & 255) },
    seen: { console: new Uint8Array(), markers: [], writes: [], instructions: 0, virtualMs: 0 },
  };
  return {
    config: {
      memoryMiB,
      bios: Uint8Array.of(1),
      vgaBios: Uint8Array.of(2),
      kernel: Uint8Array.of(3),
      disks: [disk(1), disk(memoryMiB & 255)],
    },
    configKey: 'key',
    hashes: { kernel: 'k' },
    systemMap: '',
    agentReady: state,
    beforeDisk: state,
    plan,
    text,
    facts: {},
  } as unknown as PageContent;
};

const fixtures = (t: Test): Record<string, string> => {
  const dir = t.testdir({
    'first.yaml': 'name: first\nmachine: { memory: 128 MiB }\nsteps: [boot]\n',
    'same.yaml':
      '# SPDX-License-Identifier: MIT\n# Says\n# much.\nname: s\nmachine: { memory: 128 MiB }\nsteps: [boot, shutdown]\n',
    'other.yaml': 'name: o\nmachine: { memory: 256 MiB }\nsteps: [boot]\n',
    'qemu.yaml': 'name: q\nmachine: { engine: qemu, arch: x86_64 }\nsteps: [boot]\n',
  });
  return Object.fromEntries(['first', 'same', 'other', 'qemu'].map((name) => [name, join(dir, `${name}.yaml`)]));
};

t.test('what a scenario file says about itself', async (t) => {
  t.equal(
    aboutOf('# SPDX-License-Identifier: MIT\n# One thing,\n#  and another.\nname: x\n# no more\n'),
    'One thing, and another.',
  );
  t.equal(aboutOf('# SPDX-License-Identifier: MIT\nname: x\n# no\n'), '');
  t.equal(aboutOf('# Only this.'), 'Only this.');
  t.equal(aboutOf(''), '');
});

t.test('all scenarios that come with Snapback are listed', async (t) => {
  const list = listOf(await catalogueOf());
  t.same(
    list.map(({ name }) => name),
    scenarioNames(),
  );
  const unfit = list.filter(({ unfit }) => unfit !== undefined);
  t.ok(unfit.length > 0 && unfit.length < list.length / 3, `${unfit.length} of ${list.length} are not for a browser`);
  for (const { name, unfit: why } of unfit) t.match(why, /engine qemu|a share/, name);
  t.same(
    list.filter(({ name, about }) => about === '' || !/^[\w-]+$/.test(name)).map(({ name }) => name),
    [],
    'each has a comment, and a name for an address',
  );
  t.equal(list.find(({ name }) => name === 'rollback-short')?.memoryMiB, 256);
  t.same(readList(JSON.parse(JSON.stringify(list))), list, 'as the page reads it');
});

t.test('a machine is made when somebody wants it', async (t) => {
  const { first, same, other, qemu } = fixtures(t) as Record<'first' | 'same' | 'other' | 'qemu', string>;
  const made: string[] = [];
  let [busy, rests] = [0, 0];
  let fails = false;
  const pages = await lazyPages(
    await loadScenario(first),
    await catalogueOf([same, other, qemu]),
    context,
    () => rests++,
    async (loaded, { progress }) => {
      t.equal(++busy, 1, 'one at a time');
      progress(`booting ${loaded.plan.name}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      busy--;
      if (fails) throw new RigError('no room');
      made.push(loaded.plan.name);
      return contentFor(loaded);
    },
  );
  t.same(made, ['first']);
  t.match(await json(pages.get('machine/machine.json')), { scenario: { name: 'first' } });
  t.match(await json(pages.get(LIST_PATH)), [
    { name: 'same', about: 'Says much.', memoryMiB: 128 },
    { name: 'other', about: '', memoryMiB: 256 },
    { name: 'qemu', unfit: /^needs a machine of the engine qemu/ },
  ]);
  for (const path of ['machine/scenario-qemu.json', 'machine/scenario-none.json', 'machine/../machine.json'])
    t.equal(pages.get(path), undefined, path);

  fails = true;
  await t.rejects(json(pages.get('machine/scenario-same.json')), { message: 'no room' });
  fails = false;
  const [ofSame, again, ofOther] = (await Promise.all(
    ['same', 'same', 'other'].map((name) => json(pages.get(`machine/scenario-${name}.json`))),
  )) as MachineDescription[];
  t.same(made, ['first', 's', 'o'], 'once, and again after a failure');
  t.ok(rests >= 1);
  t.match(pages.doing?.(), /compressing/);
  t.match(ofSame, { scenario: { name: 's' }, machine: { memoryMiB: 128 } });
  t.same(again, ofSame);
  t.match(ofOther, { scenario: { name: 'o' }, machine: { memoryMiB: 256 } });
  t.equal(ofOther?.disks[0]?.pieces[0], ofSame?.disks[0]?.pieces[0], 'what machines have in common is one file');
  t.same(ofOther?.scenario.kernel, ofSame?.scenario.kernel);
  for (const { scenario, disks } of [ofSame, ofOther] as MachineDescription[])
    for (const url of [scenario.file.url, ...disks.flatMap(({ pieces }) => pieces)])
      t.ok(url === null || pages.get(url), `${url} is there`);
});

t.test('a site has the scenarios that need no other machine, and those that are named', async (t) => {
  const { first, same, other, qemu } = fixtures(t) as Record<'first' | 'same' | 'other' | 'qemu', string>;
  const loaded = await loadScenario(first);
  const catalogue = await catalogueOf([same, other, qemu]);
  const names = (wanted?: readonly string[]): readonly string[] =>
    chosenOf(catalogue, loaded, wanted).map(({ name }) => name);
  t.same(names(), ['same']);
  t.same(names(['other']), ['same', 'other']);
  t.same(names(['all']), ['same', 'other']);
  t.throws(() => names(['none']), { exitCode: 2, message: 'there is no scenario none', remedy: /`all`/ });
  t.throws(() => names(['qemu']), { exitCode: 2, message: /qemu\.yaml needs a machine of the engine qemu/ });

  const files = await wholePages(loaded, chosenOf(catalogue, loaded, undefined), context, (one) =>
    Promise.resolve(contentFor(one)),
  );
  t.same(
    [...files.keys()].filter((path) => /^machine\/.*\.json$/.test(path)).sort(),
    ['machine/machine.json', 'machine/scenario-same.json', LIST_PATH].sort(),
  );
  t.match(await json(files.get(LIST_PATH)), [{ name: 'same' }]);
});
