// SPDX-License-Identifier: MIT
/** The scenario as text, to be changed, and why it cannot be run as it is. */
import type { VNode } from 'preact';
import type { Entered } from './entered.js';

export interface EditorProps {
  readonly text: string;
  readonly refused: string | undefined;
  readonly onEdit: (text: string) => void;
}

export function Editor({ text, refused, onEdit }: EditorProps): VNode {
  return (
    <div>
      <details id="edit">
        <summary>The scenario</summary>
        <textarea
          id="scenario"
          aria-label="text of the scenario"
          rows={Math.min(30, text.split('\n').length + 1)}
          spellcheck={false}
          value={text}
          onInput={(event) => onEdit((event as Entered).currentTarget.value)}
        />
        <p class="dim">Its steps can be changed. Its machine, disks and files are those of the page.</p>
      </details>
      {refused !== undefined && (
        <pre id="refused" role="alert">
          {refused}
        </pre>
      )}
    </div>
  );
}

/** The name of the scenario in a text that need not be valid. */
export const nameIn = (text: string): string => /^name: *(.+?) *$/mu.exec(text)?.[1] ?? 'the scenario';
