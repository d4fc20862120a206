// SPDX-License-Identifier: MIT
/** The choice of the scenario, from the list of the server to what is drawn of it. */
import { renderToString } from 'preact-render-to-string';
import t from 'tap';
import { next, START } from '../../../emulator/host/browser/session/state.js';
import {
  descriptionPath,
  readList,
  type ScenarioListed,
} from '../../../emulator/host/browser/storage/scenario-list.js';
import { Choice, type ChoiceProps } from '../../../emulator/host/browser/views/choice.js';
import { Proofs } from '../../../emulator/host/browser/views/proofs.js';

const LIST: readonly ScenarioListed[] = [
  { name: 'short', about: 'The shortest way.', memoryMiB: 256 },
  { name: 'shared', about: 'Files of the host.', memoryMiB: 256, unfit: 'gives its machine a share' },
  { name: 'large', about: '', memoryMiB: 768 },
];

const view = (more: Partial<ChoiceProps> = {}): string =>
  renderToString(
    <Choice
      scenarios={LIST}
      opened={undefined}
      picked={undefined}
      onPick={() => undefined}
      onOpen={() => undefined}
      {...more}
    />,
  );
const textOf = (html: string, id: string): string | undefined => new RegExp(`id="${id}"[^>]*>([^<]*)<`).exec(html)?.[1];
const options = (html: string): readonly string[] =>
  [...html.matchAll(/<option[^>]*>([^<]*)</g)].map(([, one]) => one ?? '');

t.test('a list of another version offers nothing', async (t) => {
  t.same(readList(LIST), LIST);
  for (const other of [undefined, null, {}, 'x', [null], [{ name: 'x' }], [{ ...LIST[0], unfit: 1 }]])
    t.same(readList(other), []);
  t.equal(descriptionPath(undefined), 'machine/machine.json');
  t.equal(descriptionPath('short'), 'machine/scenario-short.json');
});

t.test('what is chosen, and what cannot be', async (t) => {
  t.equal(view({ scenarios: [] }), '', 'nothing where there is no choice');
  const own = view();
  t.same(options(own), ['the page’s own', 'short, 256 MiB', 'large, 768 MiB', 'shared: gives its machine a share']);
  t.match(own, /<label for="choose">/);
  t.match(own, /<optgroup label="not in a browser"><option (?=[^>]*disabled)[^>]*value="shared"/);
  t.equal(textOf(own, 'about'), '');
  t.match(own, /<button id="open"[^>]*aria-disabled="true"/, 'it is open');

  const picked = view({ picked: 'short' });
  t.match(picked, /<option (?=[^>]*selected)[^>]*value="short"/);
  t.equal(textOf(picked, 'about'), 'The shortest way.');
  t.notMatch(picked, /aria-disabled/, 'another one can be opened');
  t.equal(textOf(view({ picked: 'large' }), 'about'), 'Its 768 MiB of memory may be too much for this browser.');

  const opened = view({ opened: 'short' });
  t.match(opened, /<option (?=[^>]*selected)[^>]*value="short"/);
  t.match(opened, /aria-disabled/);
  t.notMatch(view({ opened: 'short', picked: '' }), /aria-disabled/, 'back to the own one');
});

t.test('the list and the wait for a machine are part of the state', async (t) => {
  const listed = next(START, { tell: 'scenarios', scenarios: LIST });
  t.equal(listed.scenarios, LIST);
  t.equal(
    next(listed, { tell: 'making', doing: 'booting' }).said,
    'the server makes this machine, which takes minutes the first time: booting',
  );
  t.equal(
    next(listed, { tell: 'making', doing: '' }).said,
    'the server makes this machine, which takes minutes the first time',
  );
  const failed = next(listed, { tell: 'failed', message: 'cannot load it', remedy: undefined });
  t.equal(failed.scenarios, LIST, 'another one can be chosen when one has failed');
  t.equal(next(listed, { tell: 'running', again: undefined }).scenarios, LIST);
});

t.test('the link to a run names the scenario that was chosen', async (t) => {
  const session = { sessionFormat: 1, snapback: '1', scenario: 'name: x\n', artifacts: {} } as const;
  const proofs = (opened: string | undefined): string =>
    renderToString(
      <Proofs
        findings={[]}
        growing={undefined}
        report={{ verdict: 'pass', stateHash: 'f00d', replay: 'x' } as never}
        verdict="PASS"
        session={session}
        expected={undefined}
        opened={opened}
      />,
    );
  t.match(proofs(undefined), /href="#session=/);
  t.match(proofs('short'), /href="#scenario=short&(?:amp;)?session=/);
});
