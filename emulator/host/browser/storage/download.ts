// SPDX-License-Identifier: MIT
/** Fetches files from the page's own server, and tells how far that has come. */
import { RigError } from '../../../machine/errors.js';
import { sha256Hex } from './digest.js';
import type { Piece } from './description.js';

/** What is being loaded, in bytes as they are delivered. */
export interface Loading {
  /** The names of what is not complete. */
  readonly missing: readonly string[];
  readonly loadedBytes: number;
  readonly allBytes: number;
}

/** The part of the browser's API that this file uses. The project is type-checked without the DOM's types. */
type Fetch = (url: string, options: { readonly cache?: 'no-cache' }) => Promise<Response>;

/**
 * Loads all `pieces` at once, decompresses them, and answers what gives each by its name.
 * @throws RigError when one cannot be loaded, or is not what its description says.
 */
export async function loadPieces(
  pieces: Readonly<Record<string, Piece>>,
  onLoading: (loading: Loading) => void,
): Promise<(name: string) => Uint8Array> {
  const all = Object.entries(pieces);
  const allBytes = all.reduce((sum, [, { bytes }]) => sum + bytes, 0);
  const missing = new Set(all.map(([name]) => name));
  let loadedBytes = 0;
  const tell = (): void => onLoading({ missing: [...missing], loadedBytes, allBytes });
  tell();
  const loaded = new Map<string, Uint8Array>();
  await Promise.all(
    all.map(async ([name, piece]) => {
      const packed = await loadPiece(piece, (bytes) => {
        loadedBytes += bytes;
        tell();
      });
      missing.delete(name);
      tell();
      loaded.set(name, await decompress(packed));
    }),
  );
  return (name) => loaded.get(name) as Uint8Array;
}

/** Real time in ms between the answer that a file is being made and the next question. The server waits before it answers so. */
const ASK_AGAIN_MS = 200;

/**
 * The present content of a file whose name does not tell its content.
 * @param onMaking called with what the server is doing while it makes the file, which may take minutes.
 * @throws RigError when it cannot be loaded.
 */
export async function loadJson(url: string, onMaking: (doing: string) => void = () => undefined): Promise<unknown> {
  let response = await get(url, { cache: 'no-cache' });
  while (response.status === 202) {
    onMaking(await response.text());
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    response = await get(url, { cache: 'no-cache' });
  }
  return response.json().catch((cause: unknown) => {
    throw new RigError(`${url} is not JSON`, { cause });
  });
}

async function loadPiece({ url, bytes, sha256 }: Piece, onBytes: (bytes: number) => void): Promise<Uint8Array> {
  const { body } = await get(url);
  const packed = new Uint8Array(bytes);
  let at = 0;
  const remedy = 'reload the page; if that does not help, write the site again with `snapback site`';
  const reader = body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
  for (;;) {
    const chunk = (await reader?.read())?.value;
    if (!chunk) break;
    if (at + chunk.length > bytes)
      throw new RigError(`${url} is longer than the ${bytes} bytes it should have`, { remedy });
    packed.set(chunk, at);
    at += chunk.length;
    onBytes(chunk.length);
  }
  if (at < bytes) throw new RigError(`${url} is cut short: ${at} of ${bytes} bytes`, { remedy });
  if ((await sha256Hex([packed])) !== sha256)
    throw new RigError(`${url} is not the file that the page needs`, { remedy });
  return packed;
}

async function decompress(packed: Uint8Array): Promise<Uint8Array> {
  const plain = new Blob([packed as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

async function get(url: string, options: Parameters<Fetch>[1] = {}): Promise<Response> {
  const response = await (fetch as Fetch)(url, options).catch((cause: unknown) => {
    throw new RigError(`cannot load ${url}: the server does not answer`, { cause });
  });
  // Snapback's server says why it could not make a file.
  const why = response.status === 500 ? `: ${(await response.text()).trim()}` : '';
  if (!response.ok) throw new RigError(`cannot load ${url}: status ${response.status}${why}`);
  return response;
}
