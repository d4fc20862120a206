// SPDX-License-Identifier: MIT
/** What was done on the page, as a small file and as a link: a scenario, what its machine is made of, and where it has ended. */
import { parseJson } from '../report/json.js';

export interface SessionFile {
  /** Changes whenever a program of another version could not read it. */
  readonly sessionFormat: typeof SESSION_FORMAT;
  /** Version of Snapback. */
  readonly snapback: string;
  /** Text of a scenario file. */
  readonly scenario: string;
  /** SHA-256 (hex) by name of everything that determines the machine. */
  readonly artifacts: Readonly<Record<string, string>>;
  /** That of the report on its run; absent when it has not been run. */
  readonly stateHash?: string;
}

export const SESSION_FORMAT = 1;

/** The name under which the page offers it. */
export const SESSION_NAME = 'snapback-session.json';

/** As it is written. */
export const sessionText = (session: SessionFile): string => `${JSON.stringify(session, undefined, 2)}\n`;

/** Whether a file claims to be one. */
export const isSession = (text: string): boolean => /^\s*\{\s*"sessionFormat"/.test(text);

/** The session in a file or in the part of a link that `linkPart` makes, or what is wrong with it. */
export function readSession(text: string): { readonly session: SessionFile } | { readonly problem: string } {
  const parsed = parseJson(text);
  if ('problem' in parsed) return parsed;
  const { sessionFormat, snapback, scenario, artifacts, stateHash } = (parsed.value ?? {}) as Readonly<
    Record<string, unknown>
  >;
  if (sessionFormat !== SESSION_FORMAT)
    return { problem: `its sessionFormat is ${JSON.stringify(sessionFormat) ?? 'missing'}, not ${SESSION_FORMAT}` };
  if (typeof snapback !== 'string') return { problem: 'its snapback is no text' };
  if (typeof scenario !== 'string') return { problem: 'its scenario is no text' };
  if (!isHashes(artifacts)) return { problem: 'its artifacts are no hashes by name' };
  if (stateHash !== undefined && typeof stateHash !== 'string') return { problem: 'its stateHash is no text' };
  return { session: { sessionFormat, snapback, scenario, artifacts, ...(stateHash !== undefined && { stateHash }) } };
}

const isHashes = (value: unknown): value is Readonly<Record<string, string>> =>
  typeof value === 'object' && value !== null && Object.values(value).every((hash) => typeof hash === 'string');

/** Names in the part of a link from `#` on. */
const [SESSION, SCENARIO] = ['session', 'scenario'] as const;

/**
 * The part of a link from `#` on.
 * @param scenario the page's scenario whose machine the session is of, if it was chosen there: see {@link scenarioPart}.
 */
export function linkPart(session: SessionFile, scenario?: string): string {
  const bytes = new TextEncoder().encode(JSON.stringify(session));
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  const text = btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  return `${scenario === undefined ? '#' : `${scenarioPart(scenario)}&`}${SESSION}=${text}`;
}

/** The part of a link, from `#` on, that chooses a scenario of the page's list. `name`: letters, digits, `_` and `-`. */
export const scenarioPart = (name: string): string => `#${SCENARIO}=${name}`;

/** The text of the session in the part of a link from `#` on; undefined when it has none. Damaged: text that is no session. */
export function sessionTextOfLink(part: string): string | undefined {
  const text = fieldIn(part, SESSION);
  if (text === undefined) return undefined;
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    return new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
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
