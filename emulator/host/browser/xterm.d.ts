// SPDX-License-Identifier: MIT
/** What the page uses of xterm. Its own types pull in the DOM's, which the project is checked without. */
declare module '@xterm/xterm/lib/xterm.mjs' {
  export class Terminal {
    constructor(options: {
      readonly cols: number;
      readonly rows: number;
      readonly fontFamily: string;
      readonly fontSize: number;
    });
    open(parent: unknown): void;
    write(bytes: Uint8Array): void;
    onData(listener: (text: string) => void): void;
    focus(): void;
  }
}
declare module '@xterm/xterm/css/xterm.css';
