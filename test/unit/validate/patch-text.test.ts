// SPDX-License-Identifier: MIT
import t from 'tap';
import {
  conflictIn,
  hasChange,
  isCoverLetter,
  isLetter,
  isMail,
  messageIdOf,
  splitMailbox,
  touchedBy,
} from '../../../emulator/validate/patch-text.js';

const mail = (subject: string, body: string): string =>
  `From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: A <a@b.c>\nSubject: ${subject}\n\n${body}\n`;
const CHANGE = `diff --git a/mm/x.c b/mm/x.c
index 1..2 100644
--- a/mm/x.c
+++ b/mm/x.c
@@ -1,3 +1,3 @@
 one
-two
+2
 three
`;

t.test('a mailbox is split at its separators only', (t) => {
  const box =
    mail('[PATCH 1/2] one', `said\n\nFrom here on it is worse.\nFrom 5 to 7:00:00 o'clock\n---\n${CHANGE}`) +
    mail('[PATCH 2/2] two', CHANGE);
  const parts = splitMailbox('s.mbox', box);
  t.same(
    parts.map(({ name }) => name),
    ['s.mbox, mail 1 of 2', 's.mbox, mail 2 of 2'],
  );
  t.match(parts[0]?.text, /worse/);
  t.match(parts[1]?.text, /^From 0{0}0123.*\n.*\nSubject: \[PATCH 2\/2\] two/);
  t.same(
    splitMailbox('one.patch', mail('[PATCH] one', CHANGE)).map(({ name }) => name),
    ['one.patch'],
  );
  // As b4 writes it.
  t.equal(splitMailbox('b4', `From git@z Thu Jan  1 00:00:00 1970\nSubject: x\n\n${CHANGE}`).length, 1);
  t.same(splitMailbox('plain.diff', CHANGE), [{ name: 'plain.diff', text: CHANGE }]);
  t.same(splitMailbox('empty', '\n'), []);
  t.end();
});

t.test('mails, letters and changes are told from each other', (t) => {
  t.equal(isMail(mail('x', '')), true);
  t.equal(isMail('Subject: x\n\n'), true);
  t.equal(isMail(CHANGE), false);
  t.equal(hasChange(CHANGE), true);
  t.equal(hasChange('--- a/x\n+++ b/x\n'), true);
  t.equal(hasChange('--- \n a line\n'), false);
  t.equal(isLetter({ name: 's, mail 1 of 3', text: mail('[PATCH v2 0/3] all', '') }), true);
  t.equal(isLetter({ name: 's, mail 1 of 3', text: mail('[PATCH v2 00/12] all', '') }), true);
  t.equal(isLetter({ name: '0000-cover-letter.patch', text: mail('all', '') }), true);
  t.equal(isLetter({ name: 's', text: mail('Re: [PATCH v2 1/3] one', '') }), true);
  t.equal(isLetter({ name: 's', text: mail('[PATCH v2 10/30] one', '') }), false);
  const quoting = { name: 's', text: mail('[PATCH] one', 'Subject: [PATCH 0/3] all\nMessage-ID: <other@b.c>') };
  t.equal(isLetter(quoting), false, 'only its head is asked');
  t.equal(messageIdOf(quoting), undefined);
  t.equal(messageIdOf({ name: 's', text: 'Message-Id: <a@b.c>\r\nSubject: x\r\n\r\n' }), 'a@b.c');
  t.same(
    [isCoverLetter, isLetter].map((is) => is({ name: '-', text: mail('Re: [PATCH 0/3] all', '') })),
    [false, true],
    'an answer to a cover letter is none',
  );
  t.end();
});

t.test('the files that a change touches', (t) => {
  const more = `${CHANGE}--- /dev/null
+++ b/fs/new.c
@@ -0,0 +1,2 @@
+--- a/not/a/file.c
++++ b/not/a/file.c
--- a/fs/old.c\t2026-01-01
+++ /dev/null
@@ -1,2 +0,0 @@
--- a/nor/this.c
-+++ b/nor/this.c
--- a/fs/edited.c
+++ b/fs/edited.c
@@ -1 +1 @@
--- a/nor/that.c
+++ b/nor/that.c
diff --git a/lib/a.c b/lib/b.c
similarity index 100%
rename from lib/a.c
rename to lib/b.c
`;
  t.same(touchedBy(more), [
    { path: 'mm/x.c', isNew: false },
    { path: 'fs/new.c', isNew: true },
    { path: 'fs/old.c', isNew: false },
    { path: 'fs/edited.c', isNew: false },
    { path: 'lib/a.c', isNew: false },
    { path: 'lib/b.c', isNew: true },
  ]);
  t.same(touchedBy('no change'), []);
  t.end();
});

t.test('a conflict names file and line', (t) => {
  t.equal(
    conflictIn(
      'error: patch failed: kernel/power/snapshot.c:123\nerror: kernel/power/snapshot.c: patch does not apply\n',
    ),
    'kernel/power/snapshot.c, line 123: the tree has other lines there than the patch expects',
  );
  t.equal(conflictIn('error: mm/y.c: does not exist in index\n'), 'mm/y.c: the tree has no such file');
  t.match(conflictIn('error: mm/y.c: already exists in index\n'), /^mm\/y\.c: the patch makes this file/);
  t.match(conflictIn('error: mm/y.c: already exists in working directory\n'), /^mm\/y\.c: the patch makes this file/);
  t.match(conflictIn('error: corrupt patch at line 12\n'), /^line 12 of its change is damaged/);
  t.match(conflictIn('error: corrupt patch at <stdin>:12\n'), /^line 12 of its change is damaged/);
  t.equal(conflictIn('error: something else\nmore\n'), 'something else');
  t.end();
});
