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
import { contentOf, isNamedByContent, type PageFiles } from './files.js';

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
export async function serveFiles(files: PageFiles, port: number): Promise<PageServer> {
  const server = createServer((request, response) => {
    respond(request, files, response).catch(() => response.destroy());
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

async function respond(
  { method, url, headers }: IncomingMessage,
  files: PageFiles,
  response: ServerResponse,
): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { ...HEADERS, allow: 'GET, HEAD' }).end();
    return;
  }
  // A path is a key of a map and never a path of the host.
  const path = (url ?? '/').replace(/[?#].*$/, '').slice(1);
  const name = path === '' ? 'index.html' : path;
  const file = files.get(name);
  if (!file) {
    response.writeHead(404, HEADERS).end('not found\n');
    return;
  }
  const bytes = await contentOf(file);
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
