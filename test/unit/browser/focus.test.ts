// SPDX-License-Identifier: MIT
/** The focus when the element that has it goes from the page. */
import t from 'tap';
import { keepFocus, type FocusDocument } from '../../../emulator/host/browser/focus.js';

/** A document with elements by id, as far as the focus is concerned. */
function page(ids: readonly string[]) {
  const body = {};
  let active: unknown = body;
  let listen: (event: { readonly target: unknown }) => void = () => undefined;
  const scrolled: boolean[] = [];
  const there = new Map<string, ReturnType<typeof element>>();
  const element = (id: string, isVisible: boolean) => ({
    id,
    isVisible,
    get isConnected() {
      return there.get(id) === this;
    },
    matches: () => isVisible,
    focus({ preventScroll }: { readonly preventScroll: boolean }) {
      scrolled.push(!preventScroll);
      active = this;
      listen({ target: this });
    },
  });
  const add = (id: string, isVisible = true): void => void there.set(id, element(id, isVisible));
  ids.forEach((id) => add(id));
  const document: FocusDocument = {
    body,
    get activeElement() {
      return active;
    },
    getElementById: (id) => there.get(id) ?? null,
    addEventListener: (_, listener) => (listen = listener),
  };
  return {
    document,
    scrolled,
    add,
    focus(id: string) {
      active = there.get(id);
      listen({ target: active });
    },
    blur: () => (active = body),
    remove(id: string) {
      if (active === there.get(id)) active = body;
      there.delete(id);
    },
    has: (): string | undefined => (active as { readonly id?: string }).id,
  };
}

t.test('the focus goes to the first successor that is there', async (t) => {
  const { document, focus, remove, has, scrolled } = page(['do-havoc', 'verdict', 'run']);
  const look = keepFocus(document, ['next', 'verdict', 'run']);
  look();
  t.equal(has(), undefined, 'nothing had it');
  focus('do-havoc');
  look();
  t.equal(has(), 'do-havoc', 'it is still there');
  remove('do-havoc');
  look();
  t.equal(has(), 'verdict');
  t.same(scrolled, [true], 'who uses keys sees it');
  remove('verdict');
  look();
  t.equal(has(), 'run', 'and on, from an element that got it in this way');
  remove('run');
  look();
  t.equal(has(), undefined, 'without a successor it stays away');
});

t.test('it is left where it is', async (t) => {
  const { document, add, focus, blur, remove, has, scrolled } = page(['one', 'next']);
  const look = keepFocus(document, ['next']);
  focus('one');
  blur();
  look();
  t.equal(has(), undefined, 'the element has lost it otherwise');
  focus('one');
  remove('one');
  focus('next');
  look();
  t.same(scrolled, [], 'another element has it already');
  add('clicked', false);
  focus('clicked');
  remove('clicked');
  look();
  t.equal(has(), 'next');
  t.same(scrolled, [false], 'who uses a mouse is not moved');
});
