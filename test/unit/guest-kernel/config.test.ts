// SPDX-License-Identifier: MIT
import { test } from 'tap';
import { KERNEL_ARCHS, readFragments, readOptions, type KernelFlavour } from '../../../guest-kernel/build.js';
import {
  lostOptions,
  mergeFragments,
  parseFragment,
  renderConfig,
  requireOptions,
} from '../../../guest-kernel/config.js';

const fragment = (text: string, file = 'a.config') => ({ file, text });

test('a fragment line is an option, its value and its reason', async (t) => {
  const text =
    '# heading\n\nCONFIG_SWAP=y  # the place of the image\nCONFIG_SMP=n  # one processor\nCONFIG_LSM="lockdown"  # no other\nCONFIG_COUNT=4  # a few\n';
  t.same(
    parseFragment(fragment(text)).map(({ name, value, reason, line }) => [name, value, reason, line]),
    [
      ['CONFIG_SWAP', 'y', 'the place of the image', 3],
      ['CONFIG_SMP', 'n', 'one processor', 4],
      ['CONFIG_LSM', '"lockdown"', 'no other', 5],
      ['CONFIG_COUNT', '4', 'a few', 6],
    ],
  );
});

test('a line that Kconfig would take but that gives no reason is refused, with its place', async (t) => {
  for (const line of [
    'CONFIG_SWAP=y',
    '# CONFIG_SWAP is not set\nCONFIG_X=y #',
    'CONFIG_SWAP=m  # a module',
    'SWAP=y  # no prefix',
    'CONFIG_SWAP = y  # spaces',
  ]) {
    t.throws(() => parseFragment(fragment(line)), { name: 'RigError', message: /^a\.config:[12]: / }, line);
  }
});

test('an option that two fragments set is refused, naming both places', async (t) => {
  const fragments = [
    fragment('CONFIG_A=y  # one\nCONFIG_B=y  # two\n'),
    fragment('\nCONFIG_B=n  # three\n', 'b.config'),
  ];
  t.throws(() => mergeFragments(fragments), { message: 'b.config:2: CONFIG_B is already set at a.config:2' });
});

test('the merged text is what Kconfig reads', async (t) => {
  const options = mergeFragments([fragment('CONFIG_A=y  # on\nCONFIG_B=n  # off\nCONFIG_C="x y"  # words\n')]);
  t.equal(renderConfig(options), 'CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x y"\n');
});

test('an option is lost when it vanished, has another value, or is on though it must be off', async (t) => {
  const options = mergeFragments([
    fragment(
      'CONFIG_A=y  # 1\nCONFIG_B=n  # 2\nCONFIG_C=4  # 3\nCONFIG_D=n  # 4\nCONFIG_E="x"  # 5\nCONFIG_AB=y  # 6\n',
    ),
  ]);
  const dotConfig = '#\nCONFIG_AB=y\n# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=8\nCONFIG_E="x"\n';
  t.same(
    lostOptions(options, dotConfig).map(({ name, got }) => [name, got]),
    [
      ['CONFIG_A', 'n'],
      ['CONFIG_B', 'y'],
      ['CONFIG_C', '8'],
    ],
  );
  t.throws(() => requireOptions(options, dotConfig), {
    message: /^a\.config:1: CONFIG_A=y did not survive: the kernel has n\na\.config:2: /,
  });
  t.doesNotThrow(() => requireOptions(options, 'CONFIG_A=y\nCONFIG_C=4\nCONFIG_E="x"\nCONFIG_AB=y\n'));
});

test("the project's own fragments merge for each kernel, and the kernels differ", async (t) => {
  const kinds = KERNEL_ARCHS.flatMap((arch) => (['release', 'debug'] as const).map((flavour) => ({ flavour, arch })));
  const merged = await Promise.all(kinds.map(async (kind) => mergeFragments(await readFragments(kind))));
  for (const options of merged)
    t.match(
      options.find(({ name }) => name === 'CONFIG_HIBERNATION'),
      { value: 'y', file: 'suspend.config' },
    );
  const valuesOf = (wanted: string): unknown[] =>
    merged.map((options) => options.find(({ name }) => name === wanted)?.value);
  t.same(valuesOf('CONFIG_PROVE_LOCKING'), [undefined, 'y', undefined, 'y'], 'by flavour');
  t.same(valuesOf('CONFIG_SMP'), ['n', 'n', 'y', 'y'], 'by architecture');
  t.same(valuesOf('CONFIG_PREEMPT_VOLUNTARY'), [undefined, undefined, 'y', undefined], 'by both');
});

test('a pristine kernel has the options of its counterpart that the series does not add', async (t) => {
  for (const arch of KERNEL_ARCHS) {
    const namesOf = async (flavour: KernelFlavour): Promise<readonly string[]> =>
      (await readOptions({ flavour, arch })).map(({ name }) => name);
    const without = async (flavour: KernelFlavour, pristine: KernelFlavour): Promise<readonly string[]> => {
      const there = await namesOf(pristine);
      return (await namesOf(flavour)).filter((name) => !there.includes(name)).sort();
    };
    t.same(await without('release', 'pristine'), ['CONFIG_RIG_BREAK', 'CONFIG_SNAPSHOT_SYSCALL']);
    t.same(await without('debug', 'pristine-debug'), [
      'CONFIG_HIBERNATION_KUNIT_TEST',
      'CONFIG_RIG_BREAK',
      'CONFIG_SNAPSHOT_SYSCALL',
    ]);
    t.same(await without('pristine', 'release'), []);
    t.ok((await namesOf('pristine')).includes('CONFIG_RIG_MARKER'), 'which pristine/ brings');
  }
});
