// SPDX-License-Identifier: MIT
/** The lines between QEMU and this process: sockets on which we listen before it starts, one file each. */
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

export interface Line {
  /** What QEMU is to connect to. */
  readonly path: string;
  send(bytes: Uint8Array): void;
  close(): void;
}

/** Opens a line in `dir`. Must be ready before QEMU starts: it does not wait. */
export async function openLine(dir: string, name: string, onBytes: (bytes: Uint8Array) => void): Promise<Line> {
  const path = join(dir, `${name}.sock`);
  let socket: Socket | undefined;
  const waiting: Uint8Array[] = [];
  const server: Server = createServer((connected) => {
    socket = connected;
    connected.setNoDelay(true);
    connected.on('data', onBytes);
    // QEMU has gone; its process's end says so.
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
