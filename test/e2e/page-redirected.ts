// SPDX-License-Identifier: MIT
/** What the disk map of the page tells of sectors that the live timeline has redirected. */
import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import type { There } from './page-support.js';

const ROW = '#disks .legend tr[data-kind=redirected]';

/** At a pause of a live timeline that has written to the filesystem of `disk`, and at one of the restored timeline. */
export async function checkRedirected(t: Test, page: Page, isLive: boolean, disk = 'sda'): Promise<void> {
  if (!isLive) {
    await page.waitForSelector(ROW, { state: 'detached' });
    t.pass('the restored timeline has redirected nothing');
    return;
  }
  const text = await (await page.waitForSelector(ROW)).textContent();
  t.ok(Number(/\d+$/.exec(text ?? '')?.[0]) > 0, `the live timeline has redirected sectors (${text ?? ''})`);
  const disks = await page.evaluate(() => {
    const { redirected } = (globalThis as unknown as There).snapback;
    return [...new Set(redirected?.ranges.map(({ disk }) => disk))];
  });
  t.ok(disks.includes(disk), `of ${disks.join(', ')}`);
  t.notOk(
    disks.some((name) => name.startsWith('dm-')),
    'those of the root filesystem, which is on a mapped device, are on the disk below',
  );
}
