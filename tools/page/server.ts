// SPDX-License-Identifier: MIT
/**
 * A server for the page's files, on the loopback interface only. Its headers isolate the page, so that it may share
 * memory with its workers.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { InputError } from '../../emulator/machine/errors.js';
import type { PageFiles } from './files.js';

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
  'cache-control': 'no-store',
};

export interface PageServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves `files`. Port 0 means any free port.
 * @throws InputError when the port cannot be had.
 */
export async function serveFiles(files: PageFiles, port: number): Promise<PageServer> {
  const server = createServer((request, response) => respond(request, files, response));
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
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => close(server) };
}

function respond({ method, url }: IncomingMessage, files: PageFiles, response: ServerResponse): void {
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { ...HEADERS, allow: 'GET, HEAD' }).end();
    return;
  }
  // A path is a key of a map and never a path of the host.
  const path = (url ?? '/').replace(/[?#].*$/, '').slice(1);
  const name = path === '' ? 'index.html' : path;
  const bytes = files.get(name);
  if (!bytes) {
    response.writeHead(404, HEADERS).end('not found\n');
    return;
  }
  response.writeHead(200, {
    ...HEADERS,
    'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
    'content-length': bytes.byteLength,
  });
  response.end(method === 'HEAD' ? undefined : bytes);
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
