// SPDX-License-Identifier: MIT
/**
 * The server behind v86's virtio-9p device: 9P2000.L over the files of a share. v86's own server replies later, when
 * promises have run. This one replies within the guest's access to the device, so that no request is
 * under way at a tick boundary. The protocol: https://github.com/chaos/diod/blob/master/protocol.md
 *
 * It refuses hard links, device nodes and extended attributes with the errors of a filesystem that lacks them. The
 * guest itself checks permissions.
 */
import type { ShareEntry } from '../../../machine/contract.js';
import { Errno } from './errno.js';
import {
  createShareTree,
  isFolder,
  isLink,
  SHARE_BYTES_MAX,
  SHARE_NODES_MAX,
  TYPE,
  type SavedTree,
  type ShareNode,
  type ShareTree,
} from './tree.js';
import { MESSAGE_BYTES_MAX, readWire, writeWire, type WirePiece, type WireReader } from './wire.js';

/** Bytes before the data in the reply to a read. */
const DATA_AT = 11;
const BLOCK_BYTES = 4096;
/** The filesystem type in the reply to statfs: Linux's V9FS_MAGIC. */
const MAGIC = 0x01021997;
const GETATTR_BASIC = 0x7ff;
const SET = { mode: 1, uid: 2, gid: 4, size: 8, mtime: 0x20, mtimeGiven: 0x100 } as const;
const TRUNCATE = 0o1000;
const REMOVE_FOLDER = 0x200;
const LOCK_GRANTED = 0;
const UNLOCKED = 2;
const RLERROR = 7;

/** A handle of the guest to a node. */
interface Fid {
  readonly node: ShareNode;
  readonly uid: number;
  open: boolean;
}

export interface SavedShare {
  readonly messageBytes: number;
  readonly tree: SavedTree;
  readonly fids: readonly (readonly [fid: number, node: number, uid: number, open: boolean])[];
}

export interface ShareServer {
  /** v86's option `filesystem`. */
  readonly filesystem: { readonly handle9p: (message: Uint8Array, reply: (message: Uint8Array) => void) => void };
  entries(): readonly ShareEntry[];
  /** Undefined until the guest has used the share: until then it equals that of the config. */
  save(): { readonly share: SavedShare; readonly contents: readonly Uint8Array[] } | undefined;
  load(share: SavedShare, contents: Uint8Array): void;
}

export interface ShareWorld {
  /** The machine's time of day. */
  readonly nowMs: () => number;
  /** False when power has failed: the message is then ignored. */
  readonly isOn: () => boolean;
  /** Called with an error of the server, which v86 would ignore. */
  readonly onFault: (error: unknown) => void;
}

type Handler = (message: WireReader) => readonly WirePiece[];

export function createShareServer(given: readonly ShareEntry[], { nowMs, isOn, onFault }: ShareWorld): ShareServer {
  const tree = createShareTree(given, nowMs);
  const fids = new Map<number, Fid>();
  let messageBytes = MESSAGE_BYTES_MAX;
  let used = false;

  const fidOf = (number: number): Fid => {
    const fid = fids.get(number);
    // A resumed guest can have fids of an earlier power-on.
    if (!fid) throw new Errno('ESTALE');
    return fid;
  };
  const openFid = (number: number): ShareNode => {
    const { node, open } = fidOf(number);
    if (!open) throw new Errno('EBADF');
    return node;
  };
  const handlers = protocol({
    tree,
    nowMs,
    fidOf,
    openFid,
    hold: (number, fid) => void fids.set(number, fid),
    drop: (number) => void fids.delete(number),
    negotiate(wanted) {
      fids.clear();
      return (messageBytes = Math.min(wanted, MESSAGE_BYTES_MAX));
    },
    dataBytesMax: () => messageBytes - DATA_AT,
  });

  const answer = (message: Uint8Array): Uint8Array => {
    const reader = readWire(message);
    const [, type, tag] = [reader.u32(), reader.u8(), reader.u16()];
    try {
      const handler = handlers[type];
      if (!handler) throw new Errno('EOPNOTSUPP');
      return framed(type + 1, tag, handler(reader));
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      return framed(RLERROR, tag, [[4, error.number]]);
    }
  };

  return {
    filesystem: {
      handle9p(message, reply) {
        if (!isOn()) return;
        used = true;
        try {
          reply(answer(message));
        } catch (error) {
          onFault(error);
        }
      },
    },
    entries: tree.entries,
    save() {
      if (!used) return undefined;
      const { tree: saved, contents } = tree.save([...fids.values()].map(({ node }) => node));
      const held = [...fids]
        .sort(([a], [b]) => a - b)
        .map(([number, { node, uid, open }]) => [number, node.id, uid, open] as const);
      return { share: { messageBytes, tree: saved, fids: held }, contents };
    },
    load(share, contents) {
      used = true;
      messageBytes = share.messageBytes;
      const nodes = tree.load(share.tree, contents);
      fids.clear();
      for (const [number, id, uid, open] of share.fids) {
        const node = nodes.get(id);
        if (node) fids.set(number, { node, uid, open });
      }
    },
  };
}

function framed(type: number, tag: number, pieces: readonly WirePiece[]): Uint8Array {
  const message = writeWire([[4, 0], [1, type], [2, tag], ...pieces]);
  new DataView(message.buffer).setUint32(0, message.length, true);
  return message;
}

interface Session {
  readonly tree: ShareTree;
  readonly nowMs: () => number;
  readonly fidOf: (number: number) => Fid;
  readonly openFid: (number: number) => ShareNode;
  readonly hold: (number: number, fid: Fid) => void;
  readonly drop: (number: number) => void;
  /** Starts a new session. Returns the maximum size of messages. */
  readonly negotiate: (messageBytes: number) => number;
  readonly dataBytesMax: () => number;
}

/** The handlers of requests, by type. */
function protocol({
  tree,
  nowMs,
  fidOf,
  openFid,
  hold,
  drop,
  negotiate,
  dataBytesMax,
}: Session): Readonly<Record<number, Handler>> {
  /** Makes a node in a folder. Its owner is the user of the folder's fid. */
  const make = (folder: number, name: string, mode: number, gid: number, content?: Uint8Array): ShareNode => {
    const { node, uid } = fidOf(folder);
    return tree.make(node, name, mode, gid, uid, content);
  };
  const rename = (from: ShareNode, name: string, to: ShareNode, newName: string): readonly WirePiece[] => {
    tree.move(from, name, to, newName);
    return [];
  };
  const unsupported =
    (code: 'EPERM' | 'EOPNOTSUPP'): Handler =>
    () => {
      throw new Errno(code);
    };

  return {
    // statfs
    8(message) {
      fidOf(message.u32());
      const { bytes, nodes } = tree.usage();
      const free = Math.floor((SHARE_BYTES_MAX - bytes) / BLOCK_BYTES);
      return [
        [4, MAGIC],
        [4, BLOCK_BYTES],
        [8, SHARE_BYTES_MAX / BLOCK_BYTES],
        [8, free],
        [8, free],
        [8, SHARE_NODES_MAX],
        [8, SHARE_NODES_MAX - nodes],
        [8, 0],
        [4, 255],
      ];
    },
    // lopen
    12(message) {
      const fid = fidOf(message.u32());
      const flags = message.u32();
      if ((flags & TRUNCATE) !== 0 && !isFolder(fid.node)) tree.resize(fid.node, 0);
      fid.open = true;
      return [...qid(fid.node), [4, 0]];
    },
    // lcreate: the fid of the folder becomes that of the file
    14(message) {
      const number = message.u32();
      const name = message.text();
      const [, mode, gid] = [message.u32(), message.u32(), message.u32()];
      const made = make(number, name, TYPE.file | (mode & 0o7777), gid);
      hold(number, { ...fidOf(number), node: made, open: true });
      return [...qid(made), [4, 0]];
    },
    // symlink
    16(message) {
      const [folder, name, target, gid] = [message.u32(), message.text(), message.text(), message.u32()];
      return qid(make(folder, name, TYPE.link | 0o777, gid, new TextEncoder().encode(target)));
    },
    // mknod, which can also make a regular file
    18(message) {
      const [folder, name, mode] = [message.u32(), message.text(), message.u32()];
      message.bytes(8);
      const gid = message.u32();
      if ((mode & TYPE.mask) !== TYPE.file) throw new Errno('EPERM');
      return qid(make(folder, name, mode, gid));
    },
    // rename
    20(message) {
      const { node } = fidOf(message.u32());
      const to = fidOf(message.u32()).node;
      if (!node.parent) throw new Errno('ENOENT');
      return rename(node.parent, node.name, to, message.text());
    },
    // readlink
    22(message) {
      const { node } = fidOf(message.u32());
      if (!isLink(node)) throw new Errno('EINVAL');
      // A copy, because TextDecoder refuses shared memory.
      return [new TextDecoder().decode(node.content.slice())];
    },
    // getattr
    24(message) {
      return [[8, GETATTR_BASIC], ...attributes(fidOf(message.u32()).node)];
    },
    // setattr
    26(message) {
      const { node } = fidOf(message.u32());
      setAttributes(tree, node, message, nowMs);
      return [];
    },
    30: unsupported('EOPNOTSUPP'), // xattrwalk
    32: unsupported('EOPNOTSUPP'), // xattrcreate
    // readdir
    40(message) {
      const folder = openFid(message.u32());
      const [offset, lengthBytes] = [message.u64(), message.u32()];
      return sized(listing(tree, folder, offset, Math.min(lengthBytes, dataBytesMax())));
    },
    // fsync
    50(message) {
      openFid(message.u32());
      return [];
    },
    // lock: always granted, because there is no other client
    52: () => [[1, LOCK_GRANTED]],
    // getlock
    54(message) {
      message.u32();
      message.u8();
      return [[1, UNLOCKED], [8, message.u64()], [8, message.u64()], [4, message.u32()], message.text()];
    },
    70: unsupported('EPERM'), // link
    // mkdir
    72(message) {
      const [folder, name, mode, gid] = [message.u32(), message.text(), message.u32(), message.u32()];
      return qid(make(folder, name, TYPE.folder | (mode & 0o7777), gid));
    },
    // renameat
    74(message) {
      const [from, name] = [fidOf(message.u32()).node, message.text()];
      return rename(from, name, fidOf(message.u32()).node, message.text());
    },
    // unlinkat
    76(message) {
      const [{ node }, name, flags] = [fidOf(message.u32()), message.text(), message.u32()];
      tree.remove(node, name, (flags & REMOVE_FOLDER) !== 0 ? 'folder' : 'other');
      return [];
    },
    // version
    100(message) {
      const [wanted, version] = [message.u32(), message.text()];
      return [[4, negotiate(wanted)], version === '9P2000.L' ? version : 'unknown'];
    },
    // attach
    104(message) {
      const fid = message.u32();
      message.u32();
      message.text();
      message.text();
      hold(fid, { node: tree.root, uid: message.u32(), open: false });
      return qid(tree.root);
    },
    // flush: all earlier requests have already been answered
    108: () => [],
    // walk
    110(message) {
      const from = fidOf(message.u32());
      const [number, count] = [message.u32(), message.u16()];
      const names = Array.from({ length: count }, () => message.text());
      const nodes = walk(tree, from.node, names);
      const last = nodes.at(-1) ?? from.node;
      if (nodes.length === names.length) hold(number, { node: last, uid: from.uid, open: false });
      return [[2, nodes.length], ...nodes.flatMap(qid)];
    },
    // read
    116(message) {
      const file = openFid(message.u32());
      const [offset, lengthBytes] = [message.u64(), message.u32()];
      if (isFolder(file)) throw new Errno('EISDIR');
      return sized(tree.read(file, offset, Math.min(lengthBytes, dataBytesMax())));
    },
    // write
    118(message) {
      const file = openFid(message.u32());
      const [offset, lengthBytes] = [message.u64(), message.u32()];
      if (isFolder(file)) throw new Errno('EISDIR');
      tree.write(file, offset, message.bytes(lengthBytes));
      return [[4, lengthBytes]];
    },
    // clunk
    120(message) {
      const number = message.u32();
      fidOf(number);
      drop(number);
      return [];
    },
    // remove: the fid is dropped even when this fails
    122(message) {
      const number = message.u32();
      const { node } = fidOf(number);
      drop(number);
      if (!node.parent) throw new Errno('EINVAL');
      tree.remove(node.parent, node.name, isFolder(node) ? 'folder' : 'other');
      return [];
    },
  };
}

const sized = (bytes: Uint8Array): readonly WirePiece[] => [[4, bytes.length], bytes];

/** Type, version and identity of a node. */
const qid = (node: ShareNode): readonly WirePiece[] => [
  [1, isFolder(node) ? 0x80 : isLink(node) ? 2 : 0],
  [4, node.version],
  [8, node.id],
];

function attributes(node: ShareNode): readonly WirePiece[] {
  const seconds = Math.floor(node.modifiedMs / 1000);
  const time: readonly WirePiece[] = [
    [8, seconds],
    [8, Math.floor((node.modifiedMs - seconds * 1000) * 1e6)],
  ];
  const folders = [...node.children.values()].filter(isFolder).length;
  const links = isFolder(node) ? 2 + folders : node.parent ? 1 : 0;
  const sizes: readonly WirePiece[] = [
    [8, node.sizeBytes],
    [8, BLOCK_BYTES],
    [8, Math.ceil(node.sizeBytes / 512)],
  ];
  // Only one time is kept, for atime, mtime and ctime. The fields after it (birth, generation, version) are not valid.
  return [
    ...qid(node),
    [4, node.mode],
    [4, node.uid],
    [4, node.gid],
    [8, links],
    [8, 0],
    ...sizes,
    ...time,
    ...time,
    ...time,
    [8, 0],
    [8, 0],
    [8, 0],
    [8, 0],
  ];
}

function setAttributes(tree: ShareTree, node: ShareNode, message: WireReader, nowMs: () => number): void {
  const [valid, mode, uid, gid, sizeBytes] = [
    message.u32(),
    message.u32(),
    message.u32(),
    message.u32(),
    message.u64(),
  ];
  message.bytes(16);
  const modifiedMs = message.u64() * 1000 + message.u64() / 1e6;
  if ((valid & SET.size) !== 0) {
    if (isFolder(node)) throw new Errno('EISDIR');
    tree.resize(node, sizeBytes);
  }
  if ((valid & SET.mode) !== 0) node.mode = (node.mode & TYPE.mask) | (mode & 0o7777);
  if ((valid & SET.uid) !== 0) node.uid = uid;
  if ((valid & SET.gid) !== 0) node.gid = gid;
  if ((valid & SET.mtime) !== 0) node.modifiedMs = (valid & SET.mtimeGiven) !== 0 ? modifiedMs : nowMs();
}

/** The nodes on the path, up to the first missing one. @throws Errno when the first one is missing. */
function walk(tree: ShareTree, from: ShareNode, names: readonly string[]): readonly ShareNode[] {
  const nodes: ShareNode[] = [];
  let at = from;
  for (const [index, name] of names.entries()) {
    try {
      nodes.push((at = tree.lookUp(at, name)));
    } catch (error) {
      if (index === 0 || !(error instanceof Errno)) throw error;
      break;
    }
  }
  return nodes;
}

/** Entries of a folder after `offset`, as many as fit: qid, offset of the next entry, type as in d_type, name. */
function listing(tree: ShareTree, folder: ShareNode, offset: number, lengthBytes: number): Uint8Array {
  const all: readonly (readonly [name: string, node: ShareNode, next: number])[] = [
    ['.', folder, 1],
    ['..', folder.parent ?? folder, 2],
    // No node but the root has an identity of less than 2.
    ...tree.list(folder).map((node) => [node.name, node, node.id + 1] as const),
  ];
  const pieces: WirePiece[] = [];
  let left = lengthBytes;
  for (const [name, node, next] of all) {
    if (next <= offset) continue;
    const piece = writeWire([...qid(node), [8, next], [1, (node.mode & TYPE.mask) >> 12], name]);
    if (piece.length > left) break;
    pieces.push(piece);
    left -= piece.length;
  }
  return writeWire(pieces);
}
