// SPDX-License-Identifier: MIT
/** The lines between QEMU and this process: Unix sockets on which this process listens before QEMU starts. */
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

export interface Line {
  /** The socket to which QEMU connects. */
  readonly path: string;
  send(bytes: Uint8Array): void;
  close(): void;
}

/** Opens a line in `dir`. It must be open before QEMU starts, because QEMU does not wait. */
export async function openLine(dir: string, name: string, onBytes: (bytes: Uint8Array) => void): Promise<Line> {
  const path = join(dir, `${name}.sock`);
  let socket: Socket | undefined;
  const waiting: Uint8Array[] = [];
  const server: Server = createServer((connected) => {
    socket = connected;
    connected.setNoDelay(true);
    connected.on('data', onBytes);
    // QEMU has ended, which the end of its process reports.
    connected.on('error', () => undefined);
    for (const bytes of waiting.splice(0)) connected.write(bytes);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return {
    path,
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
