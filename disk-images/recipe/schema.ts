// SPDX-License-Identifier: MIT
/** The schema of a recipe file: see `disk-images/README.md`. */
import {
  byteSize,
  checked,
  defaulted,
  dictionary,
  integer,
  list,
  mapping,
  optional,
  required,
  scalar,
  text,
  word,
  type Read,
  type Shape,
} from '../../emulator/yaml/index.js';
import { FILESYSTEMS } from './recipe.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const path = (): Shape<string> => text('an absolute path in the image', /^\/(?!.*(?:^|\/)\.\.(?:\/|$))[^\0\n"]*$/);
const packageName = (): Shape<string> => text('the name of a Debian package', /^[a-z0-9][a-z0-9+.-]+$/);
const mode = (): Shape<number> =>
  scalar(
    "permissions in octal, such as '0755'",
    (value) => (typeof value === 'string' && /^[0-7]{3,4}$/.test(value) ? Number.parseInt(value, 8) : undefined),
    0o644,
  );
const owner = (): Shape<readonly [number, number]> =>
  scalar(
    "user and group number, such as '0:5'",
    (value): readonly [number, number] | undefined => {
      const found = typeof value === 'string' ? /^(\d{1,5}):(\d{1,5})$/.exec(value) : null;
      return found ? [Number(found[1]), Number(found[2])] : undefined;
    },
    [0, 0],
  );

const ROOT_OWNED = [0, 0] as const;

const file = checked(
  mapping({
    path: required(path()),
    text: optional(text('the content of the file')),
    program: optional(text("the name of a guest program, or '*' for all of them", /^(?:\*|[a-z0-9-]+)$/)),
    arch: optional(word('i386', 'x86_64')),
    host: optional(text('a file or folder, absolute or relative to this recipe')),
    mode: optional(mode()),
    owner: defaulted(owner(), ROOT_OWNED),
  }),
  (value) => {
    if (value.arch !== undefined && value.program === undefined) return 'arch is for a program only';
    const given = [value.text, value.program, value.host].filter((one) => one !== undefined).length;
    return given === 1
      ? undefined
      : `one of text, program and host is wanted here, not ${given === 0 ? 'none' : given}`;
  },
);

const device = mapping({
  path: required(path()),
  type: required(word('char', 'block')),
  major: required(integer(0, 4095)),
  minor: required(integer(0, 1048575)),
  mode: defaulted(mode(), 0o600),
  owner: defaulted(owner(), ROOT_OWNED),
});

const mapped = checked(
  mapping({
    name: required(text('a name of at most 64 letters, digits, ., - and _', /^[A-Za-z0-9_.-]{1,64}$/)),
    target: optional(word('linear')),
    table: optional(
      list(text('a line of a table, such as 0 2048 linear VOLUME 0', /^\d+ [1-9]\d* [a-z-]+(?: [^'\n]*)?$/), 1),
    ),
  }),
  ({ target, table }) =>
    (target === undefined) === (table === undefined)
      ? 'one of target (all of the volume) and table (its lines) is wanted here'
      : undefined,
);

/** A single item may be given without a list. */
function oneOrMore<T>(shape: Shape<T>): Shape<readonly T[]> {
  const many = list(shape, 1);
  return { wants: many.wants, read: (value, at) => many.read(Array.isArray(value) ? value : [value], at) };
}

/** Keys of a filesystem, at the top level of a recipe or in a partition. */
const volumeFields = {
  filesystem: required(word(...FILESYSTEMS)),
  label: optional(text('a label of at most 11 letters, digits, - and _', /^[A-Za-z0-9_-]{1,11}$/)),
  uuid: optional(text('a UUID in lower case', UUID)),
  deviceMapper: defaulted(oneOrMore(mapped), []),
  packages: defaulted(
    mapping({ install: required(list(packageName(), 1)), without: defaulted(list(packageName()), []) }),
    undefined as { install: readonly string[]; without: readonly string[] } | undefined,
  ),
  drop: defaulted(list(path()), []),
  directories: defaulted(
    list(mapping({ path: required(path()), mode: defaulted(mode(), 0o755), owner: defaulted(owner(), ROOT_OWNED) })),
    [],
  ),
  files: defaulted(list(file), []),
  symlinks: defaulted(dictionary(text('where the link leads')), {}),
  devices: defaulted(list(device), []),
};

const partition = mapping({
  name: required(text('a name of at most 36 letters, digits, - and _', /^[A-Za-z0-9_-]{1,36}$/)),
  size: required(byteSize()),
  ...volumeFields,
});

const diskFields = {
  size: required(byteSize()),
  id: optional(text('a UUID, or eight hexadecimal digits', /^(?:[0-9a-f]{8}|[0-9a-f-]{36})$/)),
};

/** A disk that is one filesystem. */
export const wholeDisk = mapping({ ...diskFields, ...volumeFields });

/** A disk with partitions. */
export const partitionedDisk = mapping({
  ...diskFields,
  table: required(word('gpt', 'mbr')),
  partitions: required(list(partition, 1)),
});

export type WholeDisk = Read<typeof wholeDisk>;
export type PartitionedDisk = Read<typeof partitionedDisk>;
export type PartitionText = Read<typeof partition>;

/** Chooses between the two: a file with the key `table` or `partitions` is a disk with partitions. */
export const diskShape: Shape<WholeDisk | PartitionedDisk> = {
  wants: 'a disk recipe',
  read: (value, at) => {
    const keys = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    return keys.includes('partitions') || keys.includes('table')
      ? partitionedDisk.read(value, at)
      : wholeDisk.read(value, at);
  },
};
