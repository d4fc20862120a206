// SPDX-License-Identifier: MIT
/**
 * Pieces of disks in the browser's own file system (OPFS), as they were delivered. A name tells the content, so an entry is
 * never wrong, at most of no use.
 */

/** What the store has. */
export interface Stored {
  readonly bytes: number;
  readonly bytesMax: number;
  /** The browser has no room for more, whatever {@link bytesMax} says. */
  readonly isFull: boolean;
}

/** Where the browser allows to keep nothing. */
export const NO_STORE: Stored = { bytes: 0, bytesMax: 0, isFull: true };

export interface PieceStore {
  /** The names of all entries. */
  names(): Promise<readonly string[]>;
  get(name: string): Promise<Uint8Array | undefined>;
  /** A failure is none of the caller's: the piece is loaded again. */
  put(name: string, packed: Uint8Array): Promise<void>;
  /** Removes the oldest entries until the others keep the bound. */
  trim(): Promise<Stored>;
  /** Removes all entries. */
  empty(): Promise<Stored>;
}

/** Upper bound of the store. A cycle of the standard scenario reads less than a third of that. */
const BYTES_MAX = 96 << 20;
const FOLDER = 'snapback-pieces';

/** An entry that is written only to see whether there is room, with as many bytes as a piece has at most. */
const PROBE = { name: 'probe', bytes: 128 << 10 };

/** The parts of the browser's API that this file uses. The project is type-checked without the DOM's types. */
interface StoredFile {
  readonly size: number;
  readonly lastModified: number;
  arrayBuffer(): Promise<ArrayBuffer>;
}
interface FileHandle {
  readonly kind: 'file';
  getFile(): Promise<StoredFile>;
  createWritable(): Promise<{ write(bytes: Uint8Array): Promise<void>; close(): Promise<void> }>;
}
export interface Folder {
  getDirectoryHandle(name: string, options: { readonly create: true }): Promise<Folder>;
  getFileHandle(name: string, options?: { readonly create: true }): Promise<FileHandle>;
  removeEntry(name: string): Promise<void>;
  entries(): AsyncIterable<readonly [string, { readonly kind: string }]>;
}
declare const navigator: { readonly storage?: { getDirectory?: () => Promise<Folder> } };

/** The store of this page's origin; undefined where the browser has none for it. */
export async function openPieceStore(): Promise<PieceStore | undefined> {
  try {
    const root = await navigator.storage?.getDirectory?.();
    return root && pieceStoreIn(await root.getDirectoryHandle(FOLDER, { create: true }));
  } catch {
    return undefined;
  }
}

export function pieceStoreIn(folder: Folder, bytesMax = BYTES_MAX): PieceStore {
  const names = async (): Promise<readonly string[]> => {
    const found: string[] = [];
    for await (const [name, { kind }] of folder.entries()) if (kind === 'file') found.push(name);
    return found;
  };
  const fileOf = async (name: string): Promise<StoredFile | undefined> => {
    try {
      return await (await folder.getFileHandle(name)).getFile();
    } catch {
      return undefined;
    }
  };
  const remove = async (name: string): Promise<void> => folder.removeEntry(name).catch(() => undefined);
  /** Whether that was possible: the storage may be full, or the browser may not allow to write to it. */
  const wasWritten = async (name: string, bytes: Uint8Array): Promise<boolean> => {
    try {
      const handle = await folder.getFileHandle(name, { create: true });
      const file = await handle.createWritable();
      await file.write(bytes);
      await file.close();
      return true;
    } catch {
      await remove(name);
      return false;
    }
  };
  const isFull = async (): Promise<boolean> => {
    const hasRoom = await wasWritten(PROBE.name, new Uint8Array(PROBE.bytes));
    if (hasRoom) await remove(PROBE.name);
    return !hasRoom;
  };
  return {
    names,
    async get(name) {
      const file = await fileOf(name);
      return file && new Uint8Array(await file.arrayBuffer());
    },
    async put(name, packed) {
      await wasWritten(name, packed);
    },
    async trim() {
      const all = await Promise.all((await names()).map(async (name) => ({ name, file: await fileOf(name) })));
      let bytes = all.reduce((sum, { file }) => sum + (file?.size ?? 0), 0);
      all.sort((a, b) => (a.file?.lastModified ?? 0) - (b.file?.lastModified ?? 0));
      for (const { name, file } of all) {
        if (bytes <= bytesMax) break;
        await remove(name);
        bytes -= file?.size ?? 0;
      }
      return { bytes, bytesMax, isFull: await isFull() };
    },
    async empty() {
      for (const name of await names()) await remove(name);
      return { bytes: 0, bytesMax, isFull: await isFull() };
    },
  };
}

/** The name of an entry for the piece at `url`. */
export const entryName = (url: string): string => url.slice(url.lastIndexOf('/') + 1);
