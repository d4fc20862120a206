// SPDX-License-Identifier: MIT
/** A page that a program drives, in whichever browser. */

/** Bound of each step in a browser: a busy host may take long. */
export const HOST_MS_MAX = 300_000;
const POLL_MS = 100;

export interface DrivenPage {
  /** Resolves when the page has been loaded. */
  goto(url: string): Promise<void>;
  /** Clicks what the selector finds with the mouse, as soon as that can be done. @throws Error when it never can. */
  click(selector: string): Promise<void>;
  /** Calls a function in the page with `argument`. That, and what it answers, go there and back as JSON. */
  evaluate<Argument, Answer>(call: (argument: Argument) => Answer, argument: Argument): Promise<Answer>;
  close(): Promise<void>;
}

export interface DrivenBrowser {
  /** As it names itself. */
  readonly version: string;
  newPage(): Promise<DrivenPage>;
  /** Ends the browser and removes what it has kept. */
  close(): Promise<void>;
}

/** Calls `look` again and again until it finds something. `what` is for the error. @throws Error after {@link HOST_MS_MAX}. */
export async function poll<Found>(what: string, look: () => Promise<Found | undefined>): Promise<Found> {
  for (const endMs = performance.now() + HOST_MS_MAX; performance.now() < endMs;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`waited too long for ${what}`);
}
