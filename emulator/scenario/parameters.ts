// SPDX-License-Identifier: MIT
/**
 * Parameters of a scenario: names with the values that each may have, the first of which is taken unless another is asked for.
 *
 *     parameters: { filesystem: [ext4, xfs] }
 *     steps:
 *       - run: mount -t ${filesystem} /dev/sdb4 /mnt
 *
 * The value replaces `${filesystem}` anywhere in the file. What a shell calls `${other}` stays as it is, because no parameter has
 * that name.
 */
import { dictionary, list, nearest, readYaml, text, type Shape, type YamlIssue } from '../yaml/index.js';

/** The value of each parameter, by its name. */
export type Parameters = Readonly<Record<string, string>>;

const value = text("a word of letters, digits, '.', '_' and '-'", /^[\w.-]+$/);
const values = list(value, 1);
const NAME = /^[A-Za-z]\w*$/;

/** The values that each parameter may have. */
export const parametersShape: Shape<Readonly<Record<string, readonly string[]>>> = {
  wants: 'a mapping from names of parameters to their values',
  read: (given, at) => {
    const read = dictionary(values).read(given, at);
    for (const name of Object.keys(read))
      if (!NAME.test(name))
        at.below(name).report('badValue', 'the name of a parameter has letters, digits and underscores', 'key');
    return read;
  },
};

/** Of a whole scenario: everything else in it is read later. */
const onlyParameters: Shape<Readonly<Record<string, readonly string[]>>> = {
  wants: 'a scenario',
  read: (given, at) => {
    const of = typeof given === 'object' && given !== null && 'parameters' in given ? given.parameters : undefined;
    return of === undefined || of === null ? {} : parametersShape.read(of, at.below('parameters'));
  },
};

/**
 * The text of a scenario with the value of each of its parameters, `asked` before the first one; or what is wrong with them. A
 * parameter that is asked for must be there, and must have that value.
 */
export function chosenText(
  source: string,
  file: string,
  asked: Parameters,
):
  | { readonly text: string; readonly parameters: { readonly parameters?: Parameters } }
  | { readonly issues: readonly YamlIssue[] } {
  const wanted = Object.entries(asked);
  if (!source.includes('parameters') && wanted.length === 0) return { text: source, parameters: {} };
  const read = readYaml(source, file, onlyParameters);
  if ('issues' in read) return read;
  const known = new Map(Object.entries(read.value));
  const issues = wanted.flatMap(([name, value]): readonly YamlIssue[] => {
    const of = known.get(name);
    if (of?.includes(value)) return [];
    const path = known.size === 0 ? [] : ['parameters', ...(of === undefined ? [] : [name])];
    return [read.source.issue('badValue', path, problemOf(name, value, of, [...known.keys()]))];
  });
  if (issues.length > 0) return { issues };
  const own = new Map(wanted);
  const chosen = [...known].map(([name, [first = '']]) => [name, own.get(name) ?? first] as const);
  return {
    text: chosen.reduce((text, [name, one]) => text.replaceAll(`\${${name}}`, one), source),
    parameters: chosen.length > 0 ? { parameters: Object.fromEntries(chosen) } : {},
  };
}

function problemOf(
  name: string,
  wanted: string,
  values: readonly string[] | undefined,
  names: readonly string[],
): string {
  const like = nearest(values === undefined ? name : wanted, values ?? names);
  const hint = like === undefined ? '' : `; did you mean '${like}'?`;
  if (values === undefined)
    return `the scenario has no parameter '${name}'${hint || (names.length > 0 ? `: it has ${names.join(', ')}` : '')}`;
  return `'${wanted}' is no value of the parameter '${name}'${hint || `: it has ${values.join(', ')}`}`;
}
