// SPDX-License-Identifier: MIT
/**
 * A server for the page's files, on the loopback interface only. Its headers isolate the page, so that it may share
 * memory with its workers.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';
import { InputError } from '../../emulator/machine/errors.js';
import { contentOf, isNamedByContent, type PageFile } from './files.js';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.map': 'application/json',
  '.wasm': 'application/wasm',
};

const HEADERS = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'x-content-type-options': 'nosniff',
};

/** What is served. A map of files is that, too. */
export interface ServedFiles {
  get(path: string): PageFile | undefined;
  /** What is being done to make a file that somebody waits for. */
  readonly doing?: () => string;
}

/**
 * Real time in ms after which who asks for a file that is being made is told so, with status 202, and has to ask again. Browsers
 * and what is between give up after some minutes without an answer.
 */
const TELL_AFTER_MS = 2_000;

export interface PageServer {
  readonly url: string;
  /** What has been sent so far, headers included. */
  sentBytes(): number;
  close(): Promise<void>;
}

/**
 * Serves `files`. Port 0 means any free port.
 * @throws InputError when the port cannot be had.
 */
export async function serveFiles(
  files: ServedFiles,
  port: number,
  tellAfterMs: number = TELL_AFTER_MS,
): Promise<PageServer> {
  const contents = contentsOf(files, tellAfterMs);
  const server = createServer((request, response) => {
    respond(request, contents, response).catch(() => response.destroy());
  });
  const sockets = new Set<Socket>();
  let sentBytes = 0;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => {
      sentBytes += socket.bytesWritten;
      sockets.delete(socket);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new InputError(
          cause.code === 'EADDRINUSE' ? `port ${port} is in use by another program` : `cannot serve on port ${port}`,
          { cause, remedy: 'name another port with --port, or let the system choose one: --port 0' },
        ),
      ),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    sentBytes: () => [...sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, sentBytes),
    close: () => close(server),
  };
}

/** Content of a file; undefined when there is no such file; what is being done when it is still being made. */
type Contents = (name: string) => Promise<Uint8Array | { readonly doing: string } | undefined>;

function contentsOf(files: ServedFiles, tellAfterMs: number): Contents {
  /** What has not yet been answered. So who asks again learns of a failure that happened meanwhile. */
  const pending = new Map<string, Promise<Uint8Array>>();
  return async (name) => {
    const file = files.get(name);
    if (!file) return undefined;
    // What is named by its content is made at once, and is loaded by programs that do not ask again.
    if (isNamedByContent(name)) return contentOf(file);
    const making = pending.get(name) ?? contentOf(file);
    pending.set(name, making);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), tellAfterMs);
    });
    try {
      const content = await Promise.race([making, late]);
      if (!content) {
        making.catch(() => undefined);
        return { doing: files.doing?.() ?? '' };
      }
      pending.delete(name);
      return content;
    } catch (error) {
      pending.delete(name);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  };
}

/** For a visitor. */
function failureText(error: unknown): string {
  const { message, remedy } = error as { readonly message?: string; readonly remedy?: string };
  return `${message ?? String(error)}${remedy === undefined ? '' : `; what to do: ${remedy}`}\n`;
}

async function respond(
  { method, url, headers }: IncomingMessage,
  contents: Contents,
  response: ServerResponse,
): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { ...HEADERS, allow: 'GET, HEAD' }).end();
    return;
  }
  const say = (status: number, text: string): void => {
    const plain = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
    response.writeHead(status, { ...HEADERS, ...plain }).end(method === 'HEAD' ? undefined : text);
  };
  // A path is a key of a map and never a path of the host.
  const path = (url ?? '/').replace(/[?#].*$/, '').slice(1);
  const name = path === '' ? 'index.html' : path;
  const bytes = await contents(name).catch((error: unknown) => {
    say(500, failureText(error));
    return null;
  });
  if (bytes === null) return;
  if (!bytes) return say(404, 'not found\n');
  if ('doing' in bytes) return say(202, bytes.doing);
  const caching = isNamedByContent(name)
    ? { 'cache-control': 'public, max-age=31536000, immutable' }
    : { 'cache-control': 'no-cache', etag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"` };
  if ('etag' in caching && headers['if-none-match'] === caching.etag) {
    response.writeHead(304, { ...HEADERS, ...caching }).end();
    return;
  }
  const type = TYPES[extname(name)];
  // Files without a type are compressed already.
  const isPacked = type !== undefined && /\bgzip\b/.test(String(headers['accept-encoding']));
  const body = isPacked ? gzipSync(bytes) : bytes;
  response.writeHead(200, {
    ...HEADERS,
    ...caching,
    vary: 'accept-encoding',
    ...(isPacked && { 'content-encoding': 'gzip' }),
    'content-type': type ?? 'application/octet-stream',
    'content-length': body.byteLength,
  });
  response.end(method === 'HEAD' ? undefined : body);
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
