// SPDX-License-Identifier: MIT
/**
 * The files of a share, in memory. Nothing here depends on the host or its clock: nodes are numbered in the order of
 * their making, and times are those of the machine. Contents stay in the given memory until the machine writes to them.
 */
import type { ShareEntry } from '../../../machine/contract.js';
import { InputError } from '../../../machine/errors.js';
import { Errno } from './errno.js';

/** Type bits of a mode. */
export const TYPE = { mask: 0o170000, folder: 0o040000, file: 0o100000, link: 0o120000 } as const;
/** Upper bounds of the total size and the number of nodes of a share. Beyond them, the guest gets ENOSPC. */
export const SHARE_BYTES_MAX = 256 * 2 ** 20;
export const SHARE_NODES_MAX = 2 ** 16;
const NAME_BYTES_MAX = 255;
const ROOT_ID = 1;

export interface ShareNode {
  readonly id: number;
  mode: number;
  uid: number;
  gid: number;
  modifiedMs: number;
  /** Grows with each change of the contents. */
  version: number;
  /** Undefined for an unlinked node and for the root. */
  parent: ShareNode | undefined;
  /** Name in its folder. */
  name: string;
  /** The first `sizeBytes` of it are the contents of a file or the target of a link. */
  content: Uint8Array;
  sizeBytes: number;
  /** Index of the given entry, while the contents are still those of that entry. */
  given: number | undefined;
  readonly children: Map<string, ShareNode>;
}

/** A tree as JSON, without contents. Changed contents are saved separately, one after the other. */
export interface SavedTree {
  readonly nextId: number;
  readonly nodes: readonly SavedNode[];
}
interface SavedNode extends Omit<ShareNode, 'parent' | 'content' | 'children' | 'given'> {
  readonly parent?: number;
  readonly given?: number;
}

export interface ShareTree {
  readonly root: ShareNode;
  /** `.` and `..` are resolved, too. @throws Errno ENOENT, ENOTDIR */
  lookUp(folder: ShareNode, name: string): ShareNode;
  /** @throws Errno EEXIST when the name is taken. */
  make(folder: ShareNode, name: string, mode: number, gid: number, uid: number, content?: Uint8Array): ShareNode;
  /** An open node stays usable until its last handle is dropped. @throws Errno */
  remove(folder: ShareNode, name: string, which: 'folder' | 'other'): void;
  /** Replaces an existing target, like rename(2). @throws Errno */
  move(from: ShareNode, name: string, to: ShareNode, newName: string): void;
  read(file: ShareNode, offset: number, lengthBytes: number): Uint8Array;
  /** @throws Errno ENOSPC */
  write(file: ShareNode, offset: number, bytes: Uint8Array): void;
  /** @throws Errno ENOSPC */
  resize(file: ShareNode, sizeBytes: number): void;
  /** In the order of their making, which stays the same while a guest reads the folder in several requests. */
  list(folder: ShareNode): readonly ShareNode[];
  usage(): { readonly bytes: number; readonly nodes: number };
  /** All nodes, parents before children, sorted by name. */
  entries(): readonly ShareEntry[];
  /** `held` are the nodes in use. Some of them may no longer have a name. */
  save(held: Iterable<ShareNode>): { readonly tree: SavedTree; readonly contents: readonly Uint8Array[] };
  /** Returns the nodes by id. */
  load(saved: SavedTree, contents: Uint8Array): ReadonlyMap<number, ShareNode>;
}

export const isFolder = ({ mode }: Pick<ShareNode, 'mode'>): boolean => (mode & TYPE.mask) === TYPE.folder;
export const isLink = ({ mode }: Pick<ShareNode, 'mode'>): boolean => (mode & TYPE.mask) === TYPE.link;

const NOTHING = new Uint8Array(0);

/** A tree of `given`; `nowMs` is the machine's time of day. */
export function createShareTree(given: readonly ShareEntry[], nowMs: () => number): ShareTree {
  let nextId = ROOT_ID;
  let usedBytes = 0;
  let usedNodes = 0;

  const node = (mode: number): ShareNode => ({
    id: nextId++,
    mode,
    uid: 0,
    gid: 0,
    modifiedMs: 0,
    version: 0,
    parent: undefined,
    name: '',
    content: NOTHING,
    sizeBytes: 0,
    given: undefined,
    children: new Map(),
  });
  const root = node(TYPE.folder | 0o755);

  const changed = (one: ShareNode): void => {
    one.modifiedMs = nowMs();
    one.version++;
  };
  const attach = (one: ShareNode, folder: ShareNode, name: string): void => {
    Object.assign(one, { parent: folder, name });
    folder.children.set(name, one);
  };
  const detach = (one: ShareNode): void => {
    one.parent?.children.delete(one.name);
    one.parent = undefined;
  };
  const child = (folder: ShareNode, name: string): ShareNode | undefined => {
    if (!isFolder(folder)) throw new Errno('ENOTDIR');
    return folder.children.get(name);
  };
  const lookUp: ShareTree['lookUp'] = (folder, name) => {
    const found = name === '.' ? folder : name === '..' ? (folder.parent ?? folder) : child(folder, name);
    if (!isFolder(folder)) throw new Errno('ENOTDIR');
    if (!found) throw new Errno('ENOENT');
    return found;
  };
  /** An open folder may no longer have a name. Then nothing can be made in it. */
  const checkPlace = (folder: ShareNode, name: string): void => {
    if (!isFolder(folder)) throw new Errno('ENOTDIR');
    if (folder !== root && folder.parent === undefined) throw new Errno('ENOENT');
    if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) throw new Errno('EINVAL');
    if (new TextEncoder().encode(name).length > NAME_BYTES_MAX) throw new Errno('ENAMETOOLONG');
  };
  const make: ShareTree['make'] = (folder, name, mode, gid, uid, content = NOTHING) => {
    checkPlace(folder, name);
    if (child(folder, name)) throw new Errno('EEXIST');
    if (usedNodes >= SHARE_NODES_MAX || usedBytes + content.length > SHARE_BYTES_MAX) throw new Errno('ENOSPC');
    const made = Object.assign(node(mode), { uid, gid, content, sizeBytes: content.length, modifiedMs: nowMs() });
    usedNodes++;
    usedBytes += content.length;
    attach(made, folder, name);
    changed(folder);
    return made;
  };
  /** Reserves memory of the node for contents of `sizeBytes`. */
  const reserve = (file: ShareNode, sizeBytes: number): void => {
    if (usedBytes - (file.parent ? file.sizeBytes : 0) + sizeBytes > SHARE_BYTES_MAX) throw new Errno('ENOSPC');
    if (file.given === undefined && sizeBytes <= file.content.length) return;
    const grown = new Uint8Array(
      Math.max(sizeBytes, file.given === undefined ? Math.min(2 * file.content.length, SHARE_BYTES_MAX) : 0),
    );
    grown.set(file.content.subarray(0, Math.min(file.sizeBytes, sizeBytes)));
    Object.assign(file, { content: grown, given: undefined });
  };
  const setSize = (file: ShareNode, sizeBytes: number): void => {
    if (file.parent) usedBytes += sizeBytes - file.sizeBytes;
    file.sizeBytes = sizeBytes;
  };
  /** Unlinks a node. Its contents no longer count, even when it is still open. */
  const forget = (one: ShareNode): void => {
    detach(one);
    usedNodes--;
    usedBytes -= one.sizeBytes;
  };
  const remove: ShareTree['remove'] = (folder, name, which) => {
    const found = lookUp(folder, name);
    if (found === root || name === '.' || name === '..') throw new Errno('EINVAL');
    if (isFolder(found) !== (which === 'folder')) throw new Errno(isFolder(found) ? 'EISDIR' : 'ENOTDIR');
    if (found.children.size > 0) throw new Errno('ENOTEMPTY');
    forget(found);
    changed(folder);
  };
  const move: ShareTree['move'] = (from, name, to, newName) => {
    const moved = lookUp(from, name);
    checkPlace(to, newName);
    if (moved === root || name === '.' || name === '..') throw new Errno('EINVAL');
    for (let above: ShareNode | undefined = to; above; above = above.parent)
      if (above === moved) throw new Errno('EINVAL');
    const replaced = child(to, newName);
    if (replaced === moved) return;
    if (replaced) remove(to, newName, isFolder(moved) ? 'folder' : 'other');
    detach(moved);
    attach(moved, to, newName);
    changed(from);
    changed(to);
  };
  const byId = (one: ShareNode, other: ShareNode): number => one.id - other.id;
  const byName = (one: ShareNode, other: ShareNode): number => (one.name < other.name ? -1 : 1);
  const contentOf = ({ content, sizeBytes }: ShareNode): Uint8Array => content.subarray(0, sizeBytes);
  const below = (folder: ShareNode): ShareNode[] =>
    [...folder.children.values()].sort(byName).flatMap((one) => [one, ...below(one)]);
  const pathOf = (one: ShareNode): string =>
    one.parent === undefined || one.parent === root ? one.name : `${pathOf(one.parent)}/${one.name}`;

  for (const [index, { path, mode, bytes = NOTHING, uid = 0, gid = 0 }] of given.entries()) {
    const parts = path.split('/');
    const name = parts.pop() ?? '';
    const made = path === '' ? root : make(parts.reduce(lookUp, root), name, mode, gid, uid, bytes);
    Object.assign(made, { mode, uid, gid, given: bytes.length > 0 ? index : undefined });
  }
  // Last, because making a child changes the time and version of its folder.
  Object.assign(root, { modifiedMs: 0, version: 0 });
  for (const { path, modifiedMs = 0 } of given)
    Object.assign(path === '' ? root : path.split('/').reduce(lookUp, root), { modifiedMs, version: 0 });

  return {
    root,
    lookUp,
    make,
    remove,
    move,
    read: (file, offset, lengthBytes) =>
      file.content.subarray(Math.min(offset, file.sizeBytes), Math.min(offset + lengthBytes, file.sizeBytes)),
    write(file, offset, bytes) {
      const end = Math.max(file.sizeBytes, offset + bytes.length);
      reserve(file, end);
      file.content.set(bytes, offset);
      setSize(file, end);
      changed(file);
    },
    resize(file, sizeBytes) {
      reserve(file, sizeBytes);
      // Bytes that are cut off must not reappear when the file grows again.
      file.content.fill(0, Math.min(sizeBytes, file.sizeBytes), file.sizeBytes);
      setSize(file, sizeBytes);
      changed(file);
    },
    list: (folder) => [...folder.children.values()].sort(byId),
    usage: () => ({ bytes: usedBytes, nodes: usedNodes }),
    entries: () =>
      [root, ...below(root)].map((one) => ({
        path: pathOf(one),
        mode: one.mode,
        uid: one.uid,
        gid: one.gid,
        modifiedMs: one.modifiedMs,
        ...(!isFolder(one) && { bytes: one.given === undefined ? contentOf(one).slice() : one.content }),
      })),
    save(held) {
      const all = [...new Set([root, ...below(root), ...held])].sort(byId);
      return {
        tree: {
          nextId,
          nodes: all.map(({ parent, content: _content, children: _children, given: index, ...plain }) => ({
            ...plain,
            ...(parent && { parent: parent.id }),
            ...(index !== undefined && { given: index }),
          })),
        },
        contents: all.filter((one) => one.given === undefined).map(contentOf),
      };
    },
    load(saved, contents) {
      nextId = saved.nextId;
      const nodes = new Map<number, ShareNode>();
      let at = 0;
      for (const { parent: _parent, given: index, ...plain } of saved.nodes) {
        const own = index === undefined ? contents.slice(at, (at += plain.sizeBytes)) : given[index]?.bytes;
        if (own?.length !== plain.sizeBytes) {
          throw new InputError(
            `the checkpoint's guest has used a share with other files: ${plain.name} had ${plain.sizeBytes} bytes`,
            { remedy: 'restore it with the share under which it was made' },
          );
        }
        const one = plain.id === ROOT_ID ? root : node(0);
        nodes.set(plain.id, Object.assign(one, plain, { content: own, given: index, parent: undefined }));
      }
      nextId = saved.nextId;
      root.children.clear();
      usedBytes = 0;
      usedNodes = 0;
      for (const { id, parent, name } of saved.nodes) {
        const [one, folder] = [nodes.get(id), parent === undefined ? undefined : nodes.get(parent)];
        if (!one || !folder) continue;
        attach(one, folder, name);
        usedNodes++;
        usedBytes += one.sizeBytes;
      }
      return nodes;
    },
  };
}
