// SPDX-License-Identifier: MIT
/**
 * The server's side of the network block device protocol, as far as QEMU needs it: one export, simple replies. It is
 * free of sockets: bytes go in and bytes come out. Requests are served one after the other, in their order.
 */

import { RigError } from '../../machine/errors.js';

/** The disk behind an export. */
export interface NbdDisk {
  readonly byteLength: number;
  read(offset: number, lengthBytes: number): Uint8Array | 'failed';
  /** Resolves when the write is complete. Until then, later requests wait. Takes ownership of `bytes`. */
  write(offset: number, bytes: Uint8Array): Promise<void> | 'failed';
  flush(): 'done' | 'failed';
  /** A single write can be one that must be on the disk when it completes. Without that, QEMU flushes after it. */
  readonly hasForcedWrites: boolean;
}

const MAGIC = 0x4e42444d41474943n;
const OPTION_MAGIC = 0x49484156454f5054n;
const OPTION_REPLY_MAGIC = 0x3e889045565a9n;
const REQUEST_MAGIC = 0x25609513;
const REPLY_MAGIC = 0x67446698;

const FIXED_NEWSTYLE = 1;
const NO_ZEROES = 2;
const OPTION = { exportName: 1, abort: 2, info: 6, go: 7 } as const;
const OPTION_REPLY = { ack: 1, info: 3, unsupported: 0x8000_0001 } as const;
const INFO_EXPORT = 0;
const FLAG = { hasFlags: 1, sendFlush: 4, sendFua: 8 } as const;
const COMMAND = { read: 0, write: 1, disconnect: 2, flush: 3 } as const;
const EIO = 5;
const EINVAL = 22;

const OPTION_HEAD_BYTES = 16;
const REQUEST_HEAD_BYTES = 28;
/** More than QEMU ever sends in one request. */
const REQUEST_BYTES_MAX = 64 << 20;

export interface NbdConnection {
  /** Bytes from the client. */
  receive(bytes: Uint8Array): void;
}

/**
 * Serves `disk` to one client. `send` gets bytes for the client. `end` is called when the connection is to be closed: with
 * the error, if the client has not asked for that.
 */
export function serveNbd(
  disk: NbdDisk,
  send: (bytes: Uint8Array) => void,
  end: (error?: Error) => void,
): NbdConnection {
  const inbox = createInbox();
  serve(disk, inbox, send).then(() => end(), end);
  send(
    message(18, (view) => {
      view.setBigUint64(0, MAGIC);
      view.setBigUint64(8, OPTION_MAGIC);
      view.setUint16(16, FIXED_NEWSTYLE | NO_ZEROES);
    }),
  );
  return { receive: inbox.push };
}

async function serve(disk: NbdDisk, inbox: Inbox, send: (bytes: Uint8Array) => void): Promise<void> {
  await inbox.take(4); // the client's flags
  if (!(await negotiate(disk, inbox, send))) return;
  for (;;) {
    const head = viewOf(await inbox.take(REQUEST_HEAD_BYTES));
    if (head.getUint32(0) !== REQUEST_MAGIC) throw new RigError('QEMU sends what is no request to a disk');
    const command = head.getUint16(6);
    const handle = head.getBigUint64(8);
    const offset = Number(head.getBigUint64(16));
    const length = head.getUint32(24);
    if (length > REQUEST_BYTES_MAX) throw new RigError(`QEMU asks a disk for ${length} bytes at once`);
    const payload = command === COMMAND.write ? await inbox.take(length) : undefined;
    const answer = (error: number, data?: Uint8Array): void => {
      send(
        message(16, (view) => {
          view.setUint32(0, REPLY_MAGIC);
          view.setUint32(4, error);
          view.setBigUint64(8, handle);
        }),
      );
      if (data) send(data);
    };
    if (command === COMMAND.disconnect) return;
    if (offset + length > disk.byteLength || offset % 512 !== 0 || length % 512 !== 0) answer(EINVAL);
    else if (command === COMMAND.read) {
      const data = disk.read(offset, length);
      if (data === 'failed') answer(EIO);
      else answer(0, data);
    } else if (command === COMMAND.flush) answer(disk.flush() === 'failed' ? EIO : 0);
    else if (payload) {
      const written = disk.write(offset, payload);
      await written;
      answer(written === 'failed' ? EIO : 0);
    } else answer(EINVAL);
  }
}

/** True when the client goes on to use the disk. */
async function negotiate(disk: NbdDisk, inbox: Inbox, send: (bytes: Uint8Array) => void): Promise<boolean> {
  for (;;) {
    const head = viewOf(await inbox.take(OPTION_HEAD_BYTES));
    const option = head.getUint32(8);
    await inbox.take(head.getUint32(12));
    const reply = (type: number, data: Uint8Array = new Uint8Array(0)): void => {
      send(
        message(20, (view) => {
          view.setBigUint64(0, OPTION_REPLY_MAGIC);
          view.setUint32(8, option);
          view.setUint32(12, type);
          view.setUint32(16, data.length);
        }),
      );
      if (data.length > 0) send(data);
    };
    switch (option) {
      case OPTION.exportName:
        send(message(10, (view) => describe(disk, view, 0)));
        return true;
      case OPTION.go:
      case OPTION.info:
        reply(
          OPTION_REPLY.info,
          message(12, (view) => {
            view.setUint16(0, INFO_EXPORT);
            describe(disk, view, 2);
          }),
        );
        reply(OPTION_REPLY.ack);
        if (option === OPTION.go) return true;
        break;
      case OPTION.abort:
        reply(OPTION_REPLY.ack);
        return false;
      default:
        reply(OPTION_REPLY.unsupported);
    }
  }
}

function describe(disk: NbdDisk, view: DataView, at: number): void {
  view.setBigUint64(at, BigInt(disk.byteLength));
  view.setUint16(at + 8, FLAG.hasFlags | FLAG.sendFlush | (disk.hasForcedWrites ? FLAG.sendFua : 0));
}

interface Inbox {
  push(bytes: Uint8Array): void;
  /** The next bytes, in an array of their own. Called again only after it has resolved. */
  take(lengthBytes: number): Promise<Uint8Array>;
}

function createInbox(): Inbox {
  const pieces: Uint8Array[] = [];
  let held = 0;
  let wanted: { readonly bytes: Uint8Array; readonly resolve: (bytes: Uint8Array) => void } | undefined;
  const satisfy = (): void => {
    if (!wanted || held < wanted.bytes.length) return;
    const { bytes, resolve } = wanted;
    wanted = undefined;
    held -= bytes.length;
    for (let at = 0; at < bytes.length;) {
      const [piece] = pieces as [Uint8Array, ...Uint8Array[]];
      const used = Math.min(piece.length, bytes.length - at);
      bytes.set(piece.subarray(0, used), at);
      at += used;
      if (used === piece.length) pieces.shift();
      else pieces[0] = piece.subarray(used);
    }
    resolve(bytes);
  };
  return {
    push(bytes) {
      pieces.push(bytes);
      held += bytes.length;
      satisfy();
    },
    take: (lengthBytes) =>
      new Promise((resolve) => {
        wanted = { bytes: new Uint8Array(lengthBytes), resolve };
        satisfy();
      }),
  };
}

function message(lengthBytes: number, fill: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  fill(viewOf(bytes));
  return bytes;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
