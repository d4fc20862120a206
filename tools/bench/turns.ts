// SPDX-License-Identifier: MIT
/** Takes samples of several measurements in turns, so that other load of the host affects all of them equally. */

export type Contenders<Name extends string, T> = { readonly [name in Name]: () => Promise<T> };

/** `count` turns of each, A B A B ...; every second turn goes backwards, so that none is always first. */
export async function inTurns<Name extends string, T>(
  contenders: Contenders<Name, T>,
  count: number,
  onSample: (name: Name, turn: number, sample: T) => void = () => undefined,
): Promise<{ readonly [name in Name]: readonly T[] }> {
  const names = Object.keys(contenders) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as { [name in Name]: T[] };
  for (let turn = 0; turn < count; turn++) {
    for (const name of turn % 2 === 0 ? names : [...names].reverse()) {
      const sample = await contenders[name]();
      samples[name].push(sample);
      onSample(name, turn, sample);
    }
  }
  return samples;
}
