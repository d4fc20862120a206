// SPDX-License-Identifier: MIT
/**
 * What was done on the page, as a small file and as a link: a scenario, what its machine is made of, and where it has ended. Either the
 * scenario was run, or keys were typed: at the prompt of its machine, or to a machine of its run that was taken over.
 */
import { parseJson } from '../report/json.js';

export interface SessionFile {
  /**
   * Changes whenever a program of another version could not read it. Format 1 has neither keys nor the core, format 2 no {@link within}.
   * Each session is written in the first format that has what it needs.
   */
  readonly sessionFormat: 1 | typeof SESSION_FORMAT | typeof WITHIN_FORMAT;
  /** Version of Snapback. */
  readonly snapback: string;
  /** Text of a scenario file. */
  readonly scenario: string;
  /** SHA-256 (hex) by name of everything that determines the machine. */
  readonly artifacts: Readonly<Record<string, string>>;
  /** SHA-256 (hex) of the code that decides what a machine does. */
  readonly core?: string;
  /** That of the report on its run, or that of the machine at {@link until}; absent when it has not been run. */
  readonly stateHash?: string;
  /** What was typed, in its order; present with {@link until} only. */
  readonly typed?: readonly Typed[];
  /** Where the machine stood; absent when the session is of a run. */
  readonly until?: Instant;
  /** Where the machine was taken over from a run of the scenario; present with {@link until} only. Otherwise it is that of the prompt. */
  readonly within?: Within;
}

/** Between two ticks of a machine, by its counters. The instructions alone do not tell it: an idle machine has none. */
export interface Instant {
  readonly instructions: number;
  readonly virtualMs: number;
}

/** Between two ticks of a machine of a run: 1 for the first that is powered on. */
export interface Within extends Instant {
  readonly machine: number;
}

/** Bytes for the console, and where the machine got them. */
export interface Typed extends Instant {
  readonly base64: string;
}

export const SESSION_FORMAT = 2;
export const WITHIN_FORMAT = 3;

/** The name under which the page offers it. */
export const SESSION_NAME = 'snapback-session.json';

/** As it is written. */
export const sessionText = (session: SessionFile): string => `${JSON.stringify(session, undefined, 2)}\n`;

/** Whether a file claims to be one. */
export const isSession = (text: string): boolean => /^\s*\{\s*"sessionFormat"/.test(text);

type Read = { readonly session: SessionFile } | { readonly problem: string };

/** The session in a file or in the part of a link that `linkPart` makes, or what is wrong with it. */
export function readSession(text: string): Read {
  const read = readUnproven(text);
  const isUnproven = 'session' in read && read.session.until !== undefined && read.session.stateHash === undefined;
  return isUnproven ? { problem: 'it has until, but no stateHash' } : read;
}

/** Likewise, but the state of the machine at {@link SessionFile.until} may be absent. */
export function readUnproven(text: string): Read {
  const parsed = parseJson(text);
  if ('problem' in parsed) return parsed;
  const found = (parsed.value ?? {}) as Readonly<Record<string, unknown>>;
  const { sessionFormat, snapback, scenario, artifacts, stateHash } = found;
  if (!isFormat(sessionFormat))
    return {
      problem: `its sessionFormat is ${JSON.stringify(sessionFormat) ?? 'missing'}, not 1, ${SESSION_FORMAT} or ${WITHIN_FORMAT}`,
    };
  if (typeof snapback !== 'string') return { problem: 'its snapback is no text' };
  if (typeof scenario !== 'string') return { problem: 'its scenario is no text' };
  if (!isHashes(artifacts)) return { problem: 'its artifacts are no hashes by name' };
  if (stateHash !== undefined && typeof stateHash !== 'string') return { problem: 'its stateHash is no text' };
  const session: SessionFile = {
    sessionFormat,
    snapback,
    scenario,
    artifacts,
    ...(stateHash !== undefined && { stateHash }),
  };
  return sessionFormat === 1 ? { session } : withPrompt(session, found);
}

const isFormat = (value: unknown): value is SessionFile['sessionFormat'] =>
  value === 1 || value === SESSION_FORMAT || value === WITHIN_FORMAT;

/** The session with what formats 2 and 3 have besides. */
function withPrompt(session: SessionFile, { core, typed, until, within }: Readonly<Record<string, unknown>>): Read {
  if (core !== undefined && typeof core !== 'string') return { problem: 'its core is no text' };
  if (within !== undefined && session.sessionFormat !== WITHIN_FORMAT)
    return { problem: `it has within, which is of sessionFormat ${WITHIN_FORMAT}` };
  const known = { ...session, ...(core !== undefined && { core }) };
  if (until === undefined) {
    const lost = Object.entries({ typed, within }).find(([, value]) => value !== undefined);
    return lost ? { problem: `it has ${lost[0]}, but no until` } : { session: known };
  }
  if (!isInstant(until)) return { problem: 'its until is no place of a machine' };
  if (typed !== undefined && !isTyped(typed)) return { problem: 'its typed is no list of keys with their places' };
  if (within !== undefined && !isWithin(within)) return { problem: 'its within is no place of a machine of a run' };
  const keys = typed ?? [];
  const instants: readonly Instant[] = [...(within ? [within] : []), ...keys, until];
  if (instants.some(({ virtualMs }, index) => virtualMs < (instants[index - 1]?.virtualMs ?? 0)))
    return { problem: 'its typed is not in its order' };
  return { session: { ...known, typed: keys, until, ...(within && { within }) } };
}

const isWithin = (value: unknown): value is Within =>
  isInstant(value) && Number.isSafeInteger((value as Partial<Within>).machine);

const isInstant = (value: unknown): value is Instant => {
  const { instructions, virtualMs } = (value ?? {}) as Partial<Record<keyof Instant, unknown>>;
  return Number.isSafeInteger(instructions) && Number.isFinite(virtualMs);
};

const isTyped = (value: unknown): value is readonly Typed[] =>
  Array.isArray(value) && value.every((one: unknown) => isInstant(one) && isBase64((one as Partial<Typed>).base64));

const isBase64 = (value: unknown): boolean =>
  typeof value === 'string' && value.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(value);

const isHashes = (value: unknown): value is Readonly<Record<string, string>> =>
  typeof value === 'object' && value !== null && Object.values(value).every((hash) => typeof hash === 'string');

export const base64Of = (bytes: Uint8Array): string =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));

/** The reverse of {@link base64Of}. @throws when it is not such a text. */
export const bytesOf = (base64: string): Uint8Array =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** Names in the part of a link from `#` on. */
const [SESSION, SCENARIO] = ['session', 'scenario'] as const;

/**
 * The part of a link from `#` on.
 * @param scenario the page's scenario whose machine the session is of, if it was chosen there: see {@link scenarioPart}.
 */
export function linkPart(session: SessionFile, scenario?: string): string {
  const text = base64Of(new TextEncoder().encode(JSON.stringify(session)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
  return `${scenario === undefined ? '#' : `${scenarioPart(scenario)}&`}${SESSION}=${text}`;
}

/** The part of a link, from `#` on, that chooses a scenario of the page's list. `name`: letters, digits, `_` and `-`. */
export const scenarioPart = (name: string): string => `#${SCENARIO}=${name}`;

/** The text of the session in the part of a link from `#` on; undefined when it has none. Damaged: text that is no session. */
export function sessionTextOfLink(part: string): string | undefined {
  const text = fieldIn(part, SESSION);
  if (text === undefined) return undefined;
  try {
    return new TextDecoder().decode(bytesOf(text.replaceAll('-', '+').replaceAll('_', '/')));
  } catch {
    return '';
  }
}

/** The name of the scenario that a link chooses; undefined when it chooses none. It is no path to another place. */
export function scenarioOfLink(part: string): string | undefined {
  const name = fieldIn(part, SCENARIO);
  return name !== undefined && /^[\w-]+$/.test(name) ? name : undefined;
}

const fieldIn = (part: string, name: string): string | undefined =>
  part
    .replace(/^#/, '')
    .split('&')
    .find((field) => field.startsWith(`${name}=`))
    ?.slice(name.length + 1);
