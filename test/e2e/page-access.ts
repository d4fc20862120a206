// SPDX-License-Identifier: MIT
/** Whether everybody can use the page: what axe-core finds, and whether all of it fits on a phone. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import { packagePath } from '../../emulator/host/node/paths.js';

/** Sizes and schemes in which the page is looked at. The last one is how it is left. */
const LOOKS = [
  { width: 390, colorScheme: 'dark' },
  { width: 1280, colorScheme: 'light' },
] as const;
/** Fewer rules find something to look at on a page that is empty. A page that has failed has less to look at. */
const RULES_MIN = 21;
export const RULES_MIN_FAILED = 10;
const axe = await readFile(packagePath('node_modules', 'axe-core', 'axe.min.js'), 'utf8');

interface There {
  readonly axe: {
    run(): Promise<{
      readonly violations: readonly {
        readonly id: string;
        readonly nodes: readonly { readonly html: string }[];
      }[];
      readonly passes: readonly unknown[];
    }>;
  };
  readonly document: { readonly documentElement: { readonly scrollWidth: number } };
}

/** `rulesMin`: at least so many rules have to find something to look at. */
export async function checkAccess(t: Test, page: Page, when: string, rulesMin = RULES_MIN): Promise<void> {
  await page.evaluate(axe);
  for (const { width, colorScheme } of LOOKS) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    const { found, rules, scrollWidth } = await page.evaluate(async () => {
      const { axe, document } = globalThis as unknown as There;
      const { violations, passes } = await axe.run();
      const found = violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
      return { found, rules: passes.length, scrollWidth: document.documentElement.scrollWidth };
    });
    t.same(found, [], `${when}, ${width} pixels wide, ${colorScheme}: axe-core finds nothing`);
    t.ok(rules >= rulesMin, `by ${rules} rules`);
    t.ok(scrollWidth <= width, 'and nothing is wider than the screen');
  }
}
