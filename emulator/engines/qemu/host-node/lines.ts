// SPDX-License-Identifier: MIT
/** The lines between QEMU and this process: Unix sockets on which this process listens before QEMU starts. */
import { createServer, type Socket } from 'node:net';
import { RigError } from '../../../machine/errors.js';

export interface Line {
  send(bytes: Uint8Array): void;
  close(): void;
}

/** The longest path of a Unix socket on Linux. */
const PATH_BYTES_MAX = 107;

/**
 * Opens a line at `path`. It must be open before QEMU starts, because QEMU does not wait. `onConnected` is called with
 * the function that sends, before any bytes arrive.
 * @throws RigError when it cannot listen there.
 */
export async function openLine(
  path: string,
  onBytes: (bytes: Uint8Array) => void,
  onConnected: (connection: { send(bytes: Uint8Array): void; end(): void }) => void = () => undefined,
): Promise<Line> {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX)
    throw new RigError(`the path of a socket is too long: ${path}`, { remedy: 'name a shorter folder with TMPDIR' });
  let socket: Socket | undefined;
  const waiting: Uint8Array[] = [];
  const server = createServer((connected) => {
    // QEMU connects once. The end of its process is noticed elsewhere.
    server.close();
    socket = connected;
    connected.on('error', () => undefined);
    onConnected({ send: (bytes) => void connected.write(bytes), end: () => void connected.end() });
    connected.on('data', onBytes);
    for (const bytes of waiting.splice(0)) connected.write(bytes);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new RigError(`cannot listen at ${path}`, { cause })));
    server.listen(path, resolve);
  });
  return {
    send(bytes) {
      if (socket) socket.write(bytes);
      else waiting.push(bytes);
    },
    close() {
      socket?.destroy();
      server.close();
    },
  };
}
