// SPDX-License-Identifier: MIT
/** What holds for every file: its licence, and which layer may know what. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && existsSync(file));
const read = (file: string): string => readFileSync(file, 'utf8');

t.test('every source names its licence in its first lines', (t) => {
  const sources = files.filter((file) => /\.(tsx?|mjs|c|h|S|ya?ml|config|sh|html|css)$/.test(file));
  const without = sources.filter(
    (file) => !/SPDX-License-Identifier: (MIT|GPL-2\.0-only)/.test(read(file).split('\n').slice(0, 3).join('\n')),
  );
  t.same(without, []);
  t.end();
});

/** Imports of a TypeScript file, resolved for those within the project. */
function importsOf(file: string): readonly string[] {
  return [...read(file).matchAll(/^(?:import|export)\b[^'"]*?from '([^']+)'/gm)].map(([, name]) => {
    if (name === undefined || !name.startsWith('.')) return name ?? '';
    return new URL(name, `file:///${file}`).pathname.slice(1);
  });
}

const isHostSide = (file: string): boolean => /^emulator\/(host\/|engines\/[^/]+\/host-)/.test(file);
const core = files.filter((file) => /^emulator\/.*\.ts$/.test(file) && !isHostSide(file));

/** The floors of the house, upper ones first: a file may import from its own and from those below. */
const FLOORS = ['tools', 'disk-images', 'guest-kernel', 'emulator'];
const floorOf = (path: string): number => FLOORS.findIndex((floor) => path.startsWith(`${floor}/`));

t.test('imports between the top-level folders run one way: down', (t) => {
  const inFloors = files.filter((file) => /\.m?ts$/.test(file) && floorOf(file) >= 0);
  const wrong = inFloors.flatMap((file) =>
    importsOf(file)
      .filter((name) => floorOf(name) >= 0 && floorOf(name) < floorOf(file))
      .map((name) => `${file} imports ${name}`),
  );
  t.same(new Set(inFloors.map(floorOf)).size, FLOORS.length, 'each floor has files');
  t.same(wrong, []);
  t.end();
});

/** Groups of files that reach one another over their imports. */
function circlesIn(imports: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const reachable = (from: string): ReadonlySet<string> => {
    const reached = new Set<string>();
    const open = [...(imports.get(from) ?? [])];
    for (let file = open.pop(); file !== undefined; file = open.pop()) {
      if (reached.has(file)) continue;
      reached.add(file);
      open.push(...(imports.get(file) ?? []));
    }
    return reached;
  };
  const reach = new Map([...imports.keys()].map((file) => [file, reachable(file)]));
  const circles = [...reach].flatMap(([file, reached]) => {
    if (!reached.has(file)) return [];
    const circle = [...reached].filter((other) => reach.get(other)?.has(file)).sort();
    // Told once, at its first file.
    return circle[0] === file ? [circle] : [];
  });
  return circles;
}

t.test('no file imports itself by way of others, types included', (t) => {
  const typescript = files.filter((file) => /\.ts$/.test(file));
  const imports = new Map(
    typescript.map((file) => [file, importsOf(file).map((name) => name.replace(/\.js$/, '.ts'))]),
  );
  t.ok([...imports.values()].flat().filter((name) => imports.has(name)).length > 500, 'imports are found');
  t.same(circlesIn(imports), []);
  const circle: readonly (readonly [string, readonly string[]])[] = [
    ['a', ['b', 'd']],
    ['b', ['c']],
    ['c', ['a']],
    ['d', ['e']],
    ['e', ['e']],
  ];
  t.same(circlesIn(new Map(circle)), [['a', 'b', 'c'], ['e']], 'circles are found');
  t.end();
});

t.test('the core does not know Node', (t) => {
  const wrong = core.flatMap((file) =>
    importsOf(file)
      .filter((name) => name.startsWith('node:') || isHostSide(name))
      .map((name) => `${file} imports ${name}`),
  );
  t.ok(core.length > 50, 'the core has files');
  t.same(wrong, []);
  t.end();
});

t.test('the core uses no global of a host', (t) => {
  const globals =
    /\b(process\.|Buffer\.|document\.(get|create|query)|window\.|localStorage|setTimeout\(|setInterval\(|Date\.now\(|performance\.now\(|Math\.random\()/;
  const wrong = core
    .filter((file) => !file.startsWith('emulator/engines/'))
    .flatMap((file) =>
      read(file)
        .split('\n')
        .flatMap((line, index) =>
          globals.test(line) && !/^\s*(\*|\/\/|\/\*)/.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [],
        ),
    );
  t.same(wrong, []);
  t.end();
});

t.test('only the v86 engine knows v86', (t) => {
  const wrong = files.filter(
    (file) =>
      /^(emulator|tools)\/.*\.ts$/.test(file) &&
      !file.startsWith('emulator/engines/v86/') &&
      !file.startsWith('tools/bench') &&
      importsOf(file).some((name) => name === 'v86'),
  );
  t.same(wrong, []);
  t.end();
});

t.test('the tables of ARCHITECTURE.md name each folder of each floor, and nothing that is not there', (t) => {
  const text = read('ARCHITECTURE.md');
  const section = (from: string, to: string): string => text.slice(text.indexOf(from), text.indexOf(to));
  const named = (part: string): readonly string[] =>
    part
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''));
  const floors = named(section('## Layers', 'Within `emulator`'));
  const inEmulator = named(section('Within `emulator`', 'Within `tools`'));
  const inTools = named(section('Within `tools`', '## Invariants'));
  const foldersIn = (dir: string): readonly string[] => [
    ...new Set(
      files.filter((file) => file.startsWith(`${dir}/`)).flatMap((file) => file.split('/').slice(1, -1).slice(0, 1)),
    ),
  ];
  t.same([...floors].sort(), [...FLOORS].sort());
  t.same(new Set(inEmulator.map((name) => name.split('/')[0])), new Set(foldersIn('emulator')));
  t.same(new Set(inTools.filter((name) => !name.includes('.'))), new Set(foldersIn('tools')));
  const gone = [...inEmulator.map((name) => `emulator/${name}`), ...inTools.map((name) => `tools/${name}`)].filter(
    (path) => !path.includes('*') && !existsSync(path),
  );
  t.same(gone, []);
  t.end();
});
