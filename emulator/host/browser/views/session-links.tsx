// SPDX-License-Identifier: MIT
/** A session as a link and as a file, and whether the state is that of the link with which the page was opened. */
import type { VNode } from 'preact';
import { linkPart, SESSION_NAME, sessionText, type SessionFile } from '../../../scenario/session-file.js';

export interface SessionLinksProps {
  /** The elements are `ID-link` and `ID-file`. */
  readonly id: string;
  /** What the session is of: `this run`. */
  readonly of: string;
  /** What opening the link does. */
  readonly does: string;
  readonly session: SessionFile;
  /** See `ChoiceProps`. */
  readonly opened: string | undefined;
}

export const SessionLinks = ({ id, of, does, session, opened }: SessionLinksProps): VNode => (
  <p>
    <a id={`${id}-link`} href={linkPart(session, opened)}>
      Link to {of}
    </a>
    , which {does}, or{' '}
    <a id={`${id}-file`} href={asLink(sessionText(session))} download={SESSION_NAME}>
      download it as a file
    </a>{' '}
    for <code>npx snapback replay {SESSION_NAME}</code>.
  </p>
);

export interface SameProps {
  readonly id: string;
  readonly expected: string | undefined;
  readonly stateHash: string;
}

export const Same = ({ id, expected, stateHash }: SameProps): VNode | null =>
  expected === undefined ? null : (
    <p id={id} class={expected === stateHash ? 'good' : 'bad'}>
      {expected === stateHash
        ? 'This is the state of the link.'
        : `This is not the state of the link, which is ${expected}.`}
    </p>
  );

/** JSON as the address of a file. */
export const asLink = (json: string): string => `data:application/json,${encodeURIComponent(json)}`;
