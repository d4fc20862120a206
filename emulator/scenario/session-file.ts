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

const LINK = '#session=';

/** The part of a link from `#` on. */
export function linkPart(session: SessionFile): string {
  const bytes = new TextEncoder().encode(JSON.stringify(session));
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return `${LINK}${btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`;
}

/** The text of the session in the part of a link from `#` on; undefined when it has none. Damaged: text that is no session. */
export function sessionTextOfLink(part: string): string | undefined {
  if (!part.startsWith(LINK)) return undefined;
  try {
    const binary = atob(part.slice(LINK.length).replaceAll('-', '+').replaceAll('_', '/'));
    return new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
  } catch {
    return '';
  }
}
