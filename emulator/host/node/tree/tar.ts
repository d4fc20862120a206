// SPDX-License-Identifier: MIT
/**
 * Reads tar streams as `dpkg-deb --fsys-tarfile` writes them: ustar with GNU long names and pax paths.
 * Reading them here instead of unpacking keeps owners, set-id bits and device nodes without root.
 */
import { RigError } from '../../../machine/errors.js';
import { cleanPath, type Entry } from './tree.js';

const BLOCK_BYTES = 512;

/**
 * The members of a tar stream, in its order. A hard link becomes a file with the same content.
 * @throws RigError when the stream is incomplete or contains an entry that a package cannot have.
 */
export function readTar(tar: Uint8Array): readonly Entry[] {
  const entries: Entry[] = [];
  const files = new Map<string, Uint8Array>();
  let longName: string | undefined;
  let longLink: string | undefined;
  for (let at = 0; at + BLOCK_BYTES <= tar.length;) {
    const header = tar.subarray(at, at + BLOCK_BYTES);
    if (header.every((byte) => byte === 0)) break;
    checkSum(header);
    const sizeBytes = octal(header, 124, 12);
    const content = tar.subarray(at + BLOCK_BYTES, at + BLOCK_BYTES + sizeBytes);
    if (content.length < sizeBytes) throw torn('ends within a file');
    at += BLOCK_BYTES + Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === 'L' || type === 'K') {
      const name = string(content, 0, content.length);
      if (type === 'L') longName = name;
      else longLink = name;
      continue;
    }
    if (type === 'x' || type === 'g') {
      longName = paxValue(content, 'path') ?? longName;
      longLink = paxValue(content, 'linkpath') ?? longLink;
      continue;
    }
    const prefix = string(header, 257, 6) === 'ustar' ? string(header, 345, 155) : '';
    const path = cleanPath(
      longName ?? (prefix === '' ? string(header, 0, 100) : `${prefix}/${string(header, 0, 100)}`),
    );
    const target = longLink ?? string(header, 157, 100);
    longName = longLink = undefined;
    const common = {
      path,
      mode: octal(header, 100, 8) & 0o7777,
      uid: octal(header, 108, 8),
      gid: octal(header, 116, 8),
    };
    if (path === '') continue;
    switch (type) {
      case '0':
      case '\0':
        files.set(path, content);
        entries.push({ ...common, kind: 'file', content });
        break;
      case '1': {
        const linked = files.get(cleanPath(target));
        if (linked === undefined) throw torn(`links ${path} to ${target}, which it does not hold`);
        entries.push({ ...common, kind: 'file', content: linked });
        break;
      }
      case '2':
        entries.push({ ...common, mode: 0o777, kind: 'symlink', target });
        break;
      case '3':
      case '4':
        entries.push({
          ...common,
          kind: 'device',
          type: type === '3' ? 'char' : 'block',
          major: octal(header, 329, 8),
          minor: octal(header, 337, 8),
        });
        break;
      case '5':
        entries.push({ ...common, kind: 'directory' });
        break;
      case '6':
        entries.push({ ...common, kind: 'fifo' });
        break;
      default:
        throw torn(`holds ${path} of the unknown type '${type}'`);
    }
  }
  return entries;
}

function checkSum(header: Uint8Array): void {
  let sum = 0;
  for (const [index, byte] of header.entries()) sum += index >= 148 && index < 156 ? 0x20 : byte;
  if (sum !== octal(header, 148, 8)) throw torn('has a header with a wrong checksum');
}

function paxValue(content: Uint8Array, key: string): string | undefined {
  const found = new RegExp(`^\\d+ ${key}=(.*)$`, 'm').exec(new TextDecoder().decode(content));
  return found?.[1];
}

function string(bytes: Uint8Array, from: number, lengthMax: number): string {
  const field = bytes.subarray(from, from + lengthMax);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

function octal(bytes: Uint8Array, from: number, length: number): number {
  const digits = string(bytes, from, length).trim();
  const value = digits === '' ? 0 : Number.parseInt(digits, 8);
  if (!Number.isSafeInteger(value)) throw torn('has a number that is none');
  return value;
}

function torn(what: string): RigError {
  return new RigError(`the tar stream ${what}`, { remedy: 'remove the cached packages and fetch them anew' });
}
