// SPDX-License-Identifier: MIT
/** What the tab is told to keep of the machine at the console, and when. */
import t from 'tap';
import { createKeeper, TEXT_MAX } from '../../../emulator/host/browser/session/keeper.js';
import type { FromSession } from '../../../emulator/host/browser/session/protocol.js';
import type { SessionFile } from '../../../emulator/scenario/session-file.js';

const NEW: SessionFile = {
  sessionFormat: 2,
  snapback: '1.0.0',
  scenario: 'name: x\n',
  artifacts: {},
  typed: [],
  until: { instructions: 5, virtualMs: 1.5 },
};
const key = (base64 = 'bHM='): Pick<SessionFile, 'typed'> => ({ typed: [{ instructions: 5, virtualMs: 1.5, base64 }] });

/** A clock, a machine with which `session` was done, and what was told since the last call. */
function harness() {
  const told: FromSession[] = [];
  const now = { ms: 5000, session: NEW as SessionFile, reads: 0 };
  const keeper = createKeeper(
    (message) => told.push(message),
    () => now.ms,
  );
  const follow = () =>
    keeper(() => {
      now.reads += 1;
      return now.session;
    });
  const kept = (): unknown =>
    told.splice(0).map((message) => {
      const { kept } = message as Extract<FromSession, { readonly tell: 'keep' }>;
      return kept && [JSON.parse(kept.session), kept.isStanding];
    });
  return { now, follow, kept };
}

t.test('what was typed and shown is kept, at most once a second', async (t) => {
  const { now, follow, kept } = harness();
  const machine = follow();
  machine.move(false);
  machine.change();
  now.ms += 2000;
  machine.move(false);
  t.same(kept(), [], 'a machine to which nothing was typed is that of any page');
  now.session = { ...NEW, ...key() };
  now.ms += 2000;
  machine.move(false);
  t.same(kept(), [], 'nothing has changed');
  machine.change();
  machine.move(false);
  t.same(kept(), [[now.session, false]]);
  machine.change();
  now.ms += 999;
  machine.move(false);
  t.same(kept(), []);
  now.ms += 1;
  machine.move(false);
  t.same(kept(), [[now.session, false]]);
  const { reads } = now;
  now.ms += 60_000;
  for (let stretch = 0; stretch < 100; stretch++) machine.move(false);
  t.equal(now.reads, reads, 'a machine that idles costs nothing');
});

t.test('where it stands is kept at once', async (t) => {
  const { now, follow, kept } = harness();
  const machine = follow();
  machine.move(true);
  t.same(kept(), [[NEW, true]], 'also when nothing was typed');
  machine.move(false);
  t.same(kept(), [undefined], 'which is all that there was to keep');
  machine.move(true);
  machine.move(true);
  t.same(kept(), [[NEW, true]]);
  now.session = { ...NEW, ...key() };
  const other = follow();
  other.move(false);
  t.same(kept(), [[now.session, false]], 'and so is another machine that goes on where it was kept');
});

t.test('a machine of a run is kept though nothing was typed', async (t) => {
  const { now, follow, kept } = harness();
  now.session = { ...NEW, sessionFormat: 3, within: { machine: 1, instructions: 5, virtualMs: 1.5 } };
  follow().move(false);
  t.same(kept(), [[now.session, false]]);
});

t.test('a text that is too long is not kept', async (t) => {
  const { now, follow, kept } = harness();
  now.session = { ...NEW, ...key() };
  const machine = follow();
  machine.move(false);
  kept();
  now.session = { ...NEW, ...key('A'.repeat(TEXT_MAX)) };
  machine.move(true);
  t.same(kept(), [undefined], 'nor what was kept before');
  const { reads } = now;
  machine.change();
  machine.move(false);
  t.same(kept(), []);
  t.equal(now.reads, reads, 'nor looked at again');
  now.session = { ...NEW, ...key() };
  follow().move(true);
  t.same(kept(), [[now.session, true]], 'from an instant before it on it is');
});
