// SPDX-License-Identifier: MIT
/** Reads patches as changes of files: from mails of any encoding, or as `diff` prints them. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { KernelBase } from '../emulator/cycle/plan.js';
import type { BuildContext } from '../emulator/host/node/artifacts/context.js';
import { makeTemporaryFolder } from '../emulator/host/node/temporary.js';
import { InputError } from '../emulator/machine/errors.js';
import { hasChange, isLetter, isMail, type PatchText } from '../emulator/validate/patch-text.js';
import { gitIn } from './series.js';

/** One patch, decoded. */
export interface Change {
  /** For people; see {@link PatchText}. */
  readonly name: string;
  /** Without `[PATCH]`; empty for a change without a message. */
  readonly subject: string;
  /** A character for each byte. */
  readonly diff: string;
  /** What stands before the diff, decoded: author, subject and message; absent for a bare diff. */
  readonly head?: string;
  /** The tree that stands in the place of the source and all of its patches; `diff` names its contents then. */
  readonly tree?: KernelTree;
}

/** A commit of a git tree that a user has. */
export interface KernelTree {
  /** Absolute path. */
  readonly dir: string;
  readonly commit: string;
  /** Git's id of all that is in it. */
  readonly contents: string;
  /** `series`: it has snapshot(2). */
  readonly base: KernelBase;
  /** Of the kernel: `6.12.117`. */
  readonly version: string;
  /** What the rig needs of a kernel is in it. */
  readonly isMarked: boolean;
}

/**
 * The changes of `patches`. Cover letters and answers are left out.
 * @throws InputError that names a patch without a change, or that there is none at all.
 */
export async function readChanges(patches: readonly PatchText[], context: BuildContext): Promise<readonly Change[]> {
  const changes = await changesIn(patches, context);
  if (changes.length === 0)
    throw new InputError('there is no patch in what was given', {
      remedy: 'name files of `git format-patch`, a folder of them, or a mailbox',
    });
  return changes;
}

/** As {@link readChanges}, but none if there are only letters. @throws InputError that names a patch without a change. */
export async function changesIn(patches: readonly PatchText[], context: BuildContext): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for (const patch of patches) {
    const change = isMail(patch.text)
      ? await decode(patch, context)
      : { name: patch.name, subject: '', diff: patch.text };
    if (hasChange(change.diff)) changes.push(change);
    else if (!isLetter(patch))
      throw new InputError(`${patch.name} holds no change of a file`, {
        remedy:
          'give the output of `git format-patch`, of `git diff`, or a mailbox of patches, as text and not as an attachment',
      });
  }
  return changes;
}

async function decode({ name, text }: PatchText, context: BuildContext): Promise<Change> {
  const dir = await makeTemporaryFolder('snapback-mail-');
  try {
    const { stdout } = await gitIn(dir, context)(
      ['mailinfo', '--encoding=UTF-8', join(dir, 'message'), join(dir, 'change')],
      Buffer.from(text, 'latin1'),
    );
    const field = (title: string): string => new RegExp(`^${title}: (.*)$`, 'm').exec(stdout)?.[1] ?? '';
    const subject = field('Subject');
    const message = await readFile(join(dir, 'message'), 'utf8');
    return {
      name,
      subject,
      diff: await readFile(join(dir, 'change'), 'latin1'),
      head: `From: ${field('Author')} <${field('Email')}>\nSubject: [PATCH] ${subject}\n\n${message}`,
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
