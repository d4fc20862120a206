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
  const document: Document = parseDocument(text, { logLevel: 'silent' });
  edit({
    get: (path) => {
      const node = document.getIn(path, true) as { toJS?: (document: Document) => unknown } | undefined;
      if (isAlias(node)) throw new Error(`there is the alias '*${node.source}'`);
      return node?.toJS?.(document);
    },
    set: (path, value) => document.setIn(path, document.createNode(value)),
    remove: (path) => void document.deleteIn(path),
    insert(path, index, value) {
      if (!isSeq(document.getIn(path))) document.setIn(path, document.createNode([]));
      const list = document.getIn(path);
      if (isSeq(list)) list.items.splice(index, 0, document.createNode(value));
    },
  });
  // A line is not folded: a command stays as it was written.
  return document.toString({ lineWidth: 0 });
}
