// SPDX-License-Identifier: MIT
/**
 * Pieces of disks in the browser's own file system (OPFS), as they were delivered. A name tells the content, so an entry is
 * never wrong, at most of no use.
 */

/** What the store has. */
export interface Stored {
  readonly bytes: number;
  readonly bytesMax: number;
}

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
  return {
    names,
    async get(name) {
      const file = await fileOf(name);
      return file && new Uint8Array(await file.arrayBuffer());
    },
    async put(name, packed) {
      try {
        const handle = await folder.getFileHandle(name, { create: true });
        const file = await handle.createWritable();
        await file.write(packed);
        await file.close();
      } catch {
        // The storage is full, or the browser does not allow to write to it.
        await remove(name);
      }
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
      return { bytes, bytesMax };
    },
    async empty() {
      for (const name of await names()) await remove(name);
      return { bytes: 0, bytesMax };
    },
  };
}

/** The name of an entry for the piece at `url`. */
export const entryName = (url: string): string => url.slice(url.lastIndexOf('/') + 1);
