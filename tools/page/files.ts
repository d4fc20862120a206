// SPDX-License-Identifier: MIT
/** The files of the page, whoever delivers them: the server, or any other one from a folder. */
import { createHash } from 'node:crypto';

/** A file, or what makes it when somebody wants it: compressing all disks takes longer than a visitor waits. */
export type PageFile = Uint8Array | (() => Promise<Uint8Array>);
/** Files by path from the page's folder. */
export type PageFiles = ReadonlyMap<string, PageFile>;

export const contentOf = (file: PageFile): Promise<Uint8Array> =>
  typeof file === 'function' ? file() : Promise.resolve(file);

/** Digits of a hash in the name of a file. */
export const HASH_DIGITS = 16;
/** Whether the name of a file tells its content, so that a browser need not ask for it again. */
export const isNamedByContent = (path: string): boolean => /-[0-9a-f]{16}(?:\.\w+)?$/.test(path);

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export const encoded = (text: string): Uint8Array => new TextEncoder().encode(text);
