// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';

/**
 * SHA-256 (hex) of the joined `parts`. Yields once first, so that queued requests to workers are sent before it blocks.
 */
export async function sha256Hex(parts: readonly Uint8Array[]): Promise<string> {
  await setImmediate();
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
