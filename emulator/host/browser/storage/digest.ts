// SPDX-License-Identifier: MIT
/** SHA-256 by the browser. */
import { concat } from '../../../machine/bytes.js';
import { RigError } from '../../../machine/errors.js';

/**
 * SHA-256 (hex) of the joined `parts`.
 * @throws RigError outside of a secure context, where browsers do not hash.
 */
export async function sha256Hex(parts: readonly Uint8Array[]): Promise<string> {
  const { subtle } = globalThis.crypto as { readonly subtle?: typeof crypto.subtle };
  if (!subtle)
    throw new RigError('the browser does not hash for a page from this address', {
      remedy: 'deliver the page by https, or from an address of this host such as http://127.0.0.1',
    });
  // WebCrypto hashes one array per call, in memory that nobody shares.
  const digest = new Uint8Array(await subtle.digest('SHA-256', concat(parts) as Uint8Array<ArrayBuffer>));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
