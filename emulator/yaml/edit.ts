// SPDX-License-Identifier: MIT
/** Changes a text of YAML and leaves the rest of it as it is, comments included. Only spaces within brackets may change. */
import { isAlias, isSeq, parseDocument, type Document } from 'yaml';
import type { YamlPath } from './load.js';

/** What can be changed. A path that leads nowhere is the caller's mistake. */
export interface YamlEdit {
  /** The value there as plain data; undefined where there is none. Throws where there is an alias, which cannot be changed alone. */
  readonly get: (path: YamlPath) => unknown;
  /** Makes the mappings on the way to `path`. */
  readonly set: (path: YamlPath, value: unknown) => void;
  readonly remove: (path: YamlPath) => void;
  /** Puts `value` into the list at `path`, before its item `index`. Makes the list. */
  readonly insert: (path: YamlPath, index: number, value: unknown) => void;
}

/** `text` with the changes that `edit` makes. `text` must have no errors. */
export function editYaml(text: string, edit: (yaml: YamlEdit) => void): string {
  const parsed: Document = parseDocument(text, { logLevel: 'silent' });
  edit({
    get: (path) => {
      const node = parsed.getIn(path, true) as { toJS?: (parsed: Document) => unknown } | undefined;
      if (isAlias(node)) throw new Error(`there is the alias '*${node.source}'`);
      return node?.toJS?.(parsed);
    },
    set: (path, value) => parsed.setIn(path, parsed.createNode(value)),
    remove: (path) => void parsed.deleteIn(path),
    insert(path, index, value) {
      if (!isSeq(parsed.getIn(path))) parsed.setIn(path, parsed.createNode([]));
      const list = parsed.getIn(path);
      if (isSeq(list)) list.items.splice(index, 0, parsed.createNode(value));
    },
  });
  // A line is not folded: a command stays as it was written.
  return parsed.toString({ lineWidth: 0 });
}
