// SPDX-License-Identifier: MIT
/** The part of xterm that the page uses. Its own types need those of the DOM, which the project does not include. */
declare module '@xterm/xterm/lib/xterm.mjs' {
  export class Terminal {
    constructor(options: {
      readonly cols: number;
      readonly rows: number;
      readonly fontFamily: string;
      readonly fontSize: number;
      /** Whether it takes no keys. */
      readonly disableStdin?: boolean;
    });
    open(parent: unknown): void;
    /** What takes the keys, once it is open. */
    readonly textarea: { tabIndex: number } | undefined;
    /** The terminal takes only those keys for which this answers true. */
    attachCustomKeyEventHandler(takes: (event: { readonly key: string; readonly shiftKey: boolean }) => boolean): void;
    /** Empties the screen. */
    reset(): void;
    write(bytes: Uint8Array): void;
    onData(listener: (text: string) => void): void;
    focus(): void;
  }
}
declare module '@xterm/xterm/css/xterm.css';
declare module '*/page.css';
