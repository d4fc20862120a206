// SPDX-License-Identifier: MIT
/** A warm start asks apt nothing: its last answer holds until something that apt answers from changes. */
import { chmodSync, existsSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import t, { type Test } from 'tap';
import { findSource } from '../../../guest-kernel/source.js';

/** Like apt where an index of its own names the source, and noting that it was asked. */
const APT_GET = `#!/bin/sh
echo "$@" >> "$DIR/asked"
version=$(cat "$DIR/lists/mirror_Packages")
[ -n "$version" ] || exit 100
echo "'http://mirror.invalid/s_$version.deb' linux-source-6.12_\${version}_all.deb 5 SHA256:${'ab'.repeat(32)}"
`;
const APT_CONFIG = `#!/bin/sh
echo "$@" >> "$DIR/asked"
printf "PLACE0='%s'\\nPLACE1='%s'\\nPLACE2='%s'\\n" "$DIR/lists/" "$DIR/sources.list" "$DIR/preferences"
`;

function machine(t: Test) {
  const dir = t.testdir({
    bin: { 'apt-get': APT_GET, 'apt-config': APT_CONFIG },
    lists: { mirror_Packages: '6.12.1-1', partial: {} },
    'sources.list': 'deb http://mirror.invalid bookworm main\n',
    cache: {},
  });
  for (const name of readdirSync(join(dir, 'bin'))) chmodSync(join(dir, 'bin', name), 0o755);
  const { PATH, DIR } = process.env;
  process.env['PATH'] = `${join(dir, 'bin')}${delimiter}${PATH ?? ''}`;
  process.env['DIR'] = dir;
  t.teardown(() => Object.assign(process.env, { PATH, DIR }));
  const asked = join(dir, 'asked');
  const context = { cacheDir: join(dir, 'cache'), progress: () => undefined, signal: new AbortController().signal };
  return {
    dir,
    context,
    /** The version that is found, and whether apt was asked for it. */
    find: async (): Promise<readonly [string, boolean]> => {
      rmSync(asked, { force: true });
      const { version } = await findSource(context);
      return [version, existsSync(asked)];
    },
  };
}

t.test('the second start asks nothing, and names the same source', async (t) => {
  const { find } = machine(t);
  t.same(await find(), ['6.12.1-1', true]);
  t.same(await find(), ['6.12.1-1', false]);
});

t.test('whatever apt answers from: when it changes, apt is asked again, once', async (t) => {
  const { dir, find } = machine(t);
  await find();
  const changes: Readonly<Record<string, () => void>> = {
    'an index of another size': () => writeFileSync(join(dir, 'lists/mirror_Packages'), '6.12.20-1'),
    'an index of another time': () => utimesSync(join(dir, 'lists/mirror_Packages'), 1000, 1000),
    'an index more': () => writeFileSync(join(dir, 'lists/other_Packages'), ''),
    'an index less': () => rmSync(join(dir, 'lists/other_Packages')),
    'another source': () => writeFileSync(join(dir, 'sources.list'), 'deb http://another.invalid bookworm main\n'),
    'preferences that were not there': () => writeFileSync(join(dir, 'preferences'), 'Package: *\n'),
    'another configuration': () => (process.env['APT_CONFIG'] = join(dir, 'apt.conf')),
  };
  t.teardown(() => delete process.env['APT_CONFIG']);
  for (const [what, change] of Object.entries(changes)) {
    change();
    const version = readFileSync(join(dir, 'lists/mirror_Packages'), 'utf8');
    t.same(await find(), [version, true], what);
    t.same(await find(), [version, false], `${what}: remembered`);
  }
});

t.test('a remembered answer that cannot be read is asked for again', async (t) => {
  const { dir, find } = machine(t);
  await find();
  const [name = ''] = readdirSync(join(dir, 'cache/remembered'));
  for (const text of ['', '{}', '[]', 'null', '{"places":1,"key":"","answer":""}']) {
    writeFileSync(join(dir, 'cache/remembered', name), text);
    t.same(await find(), ['6.12.1-1', true], text);
  }
});

t.test('a cache that cannot be written: the source is found all the same', async (t) => {
  const { dir, context } = machine(t);
  writeFileSync(join(dir, 'file'), '');
  const { version } = await findSource({ ...context, cacheDir: join(dir, 'file/cache') });
  t.equal(version, '6.12.1-1');
});

t.test('looking at the cache writes nothing into it', async (t) => {
  const { dir, context } = machine(t);
  await findSource({ ...context, look: () => undefined });
  t.same(readdirSync(join(dir, 'cache')), []);
});

t.test('looking at the cache sees the index that a remembered answer was taken from', async (t) => {
  const { dir, context, find } = machine(t);
  await find();
  // A machine whose own apt has no index of the source: the one in the cache must not pass for useless.
  writeFileSync(
    join(dir, 'bin/apt-get'),
    '#!/bin/sh\n[ "$1" = indextargets ] && echo "Packages main $(. /etc/os-release; echo $VERSION_CODENAME) http://mirror.invalid /key" || exit 100\n',
  );
  const looked: string[] = [];
  await t.rejects(findSource({ ...context, look: (path) => void looked.push(path) }), { message: /not in the cache/ });
  t.match(looked, [/\/linux-source-index-[0-9a-f]{20}$/]);
});
