// SPDX-License-Identifier: MIT
/** The page's server, and the folder that any other server delivers, with files that stand for those of the page. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import t from 'tap';
import { loadJson } from '../../../emulator/host/browser/storage/download.js';
import { RigError } from '../../../emulator/machine/errors.js';
import { startServer } from '../../../tools/cli/serve.js';
import { siteCommand } from '../../../tools/cli/site.js';
import { sha256, type PageFiles } from '../../../tools/page/files.js';
import { serveFiles } from '../../../tools/page/server.js';
import { SITE_LIST, writeSite, type SiteList } from '../../../tools/page/site.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const files = (more: Readonly<Record<string, string>> = {}): PageFiles =>
  new Map(Object.entries({ 'index.html': '<p>', 'v86.wasm': 'w', ...more }).map(([path, text]) => [path, bytes(text)]));
const { signal } = new AbortController();

/** Asks for exactly this path: `fetch` would resolve its dots. */
const ask = (
  url: string,
  path: string,
  method = 'GET',
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status?: number; headers: object; text: string }> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const asked = request({ hostname, port, path, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    asked.on('error', reject).end();
  });

t.test('the server delivers the files of the page, and no other', async (t) => {
  const { url, close } = await serveFiles(files({ 'machine/kernel-1': 'k' }), 0);
  t.teardown(close);
  t.match(url, /^http:\/\/127\.0\.0\.1:\d+\/$/, 'on the loopback interface');
  const isolated = {
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
  };
  t.match(await ask(url, '/'), {
    status: 200,
    text: '<p>',
    headers: { ...isolated, 'content-type': 'text/html; charset=utf-8', 'content-length': '3' },
  });
  t.match(await ask(url, '/index.html?x#y'), { status: 200, text: '<p>' });
  t.match(await ask(url, '/v86.wasm'), { text: 'w', headers: { ...isolated, 'content-type': 'application/wasm' } });
  t.match(await ask(url, '/machine/kernel-1'), { text: 'k', headers: { 'content-type': 'application/octet-stream' } });
  const named = 'machine/kernel-0123456789abcdef';
  const cached = await serveFiles(files({ [named]: 'k', 'machine/piece-0': 'p' }), 0);
  t.teardown(cached.close);
  t.match(await ask(cached.url, `/${named}`), { headers: { 'cache-control': 'public, max-age=31536000, immutable' } });
  const { headers } = await ask(cached.url, '/machine/piece-0');
  t.match(headers, { 'cache-control': 'no-cache' }, 'a name that does not tell the content');
  const { etag } = headers as { readonly etag: string };
  t.match(await ask(cached.url, '/machine/piece-0', 'GET', { 'if-none-match': etag }), { status: 304, text: '' });
  t.match(await ask(cached.url, '/', 'GET', { 'if-none-match': etag }), { status: 200, text: '<p>' });
  t.match(await fetch(cached.url), { status: 200 });
  t.equal((await fetch(cached.url)).headers.get('content-encoding'), 'gzip', 'for those who accept it');
  t.equal(await (await fetch(cached.url)).text(), '<p>');
  const late = await serveFiles(new Map([['machine/x', () => Promise.resolve(bytes('late'))]]), 0);
  t.teardown(late.close);
  t.match(await ask(late.url, '/machine/x'), { status: 200, text: 'late' }, 'a file that is made when it is wanted');
  let told: (content: Uint8Array) => void = () => undefined;
  let failed: (why: unknown) => void = () => undefined;
  let asked = 0;
  const slow = new Map([
    [
      'machine/scenario-slow.json',
      () => {
        asked++;
        return new Promise<Uint8Array>((resolve, reject) => ([told, failed] = [resolve, reject]));
      },
    ],
  ]);
  const waiting = await serveFiles({ get: (path) => slow.get(path), doing: () => 'booting' }, 0, 10);
  t.teardown(waiting.close);
  const slowPath = '/machine/scenario-slow.json';
  for (const _ of [1, 2])
    t.match(await ask(waiting.url, slowPath), {
      status: 202,
      text: 'booting',
      headers: { 'cache-control': 'no-store' },
    });
  t.equal(asked, 1, 'it is made once, however often it is asked for');
  failed(new RigError('no room', { remedy: 'make room' }));
  t.match(
    await ask(waiting.url, slowPath),
    { status: 500, text: 'no room; what to do: make room\n' },
    'who asks again learns of the failure',
  );
  const doing: string[] = [];
  const loaded = loadJson(`${waiting.url}machine/scenario-slow.json`, (what) => {
    doing.push(what);
    told(bytes('{"made":1}'));
  });
  t.same(await loaded, { made: 1 }, 'the page asks until it is there');
  t.same(doing, ['booting']);
  t.equal(asked, 2, 'and what has failed is tried again');
  const failing = loadJson(`${waiting.url}machine/scenario-slow.json`, () => failed(new Error('no room')));
  await t.rejects(failing, { message: `cannot load ${waiting.url}machine/scenario-slow.json: status 500: no room` });

  t.match(await ask(url, '/', 'HEAD'), { status: 200, text: '', headers: { 'content-length': '3' } });
  t.match(await ask(url, '/', 'POST'), { status: 405, text: '' });
  for (const path of ['/package.json', '/../package.json', '/machine/../../package.json', '/%2e%2e/package.json', '//'])
    t.match(await ask(url, path), { status: 404, headers: isolated }, path);

  const { port } = new URL(url);
  await t.rejects(serveFiles(files(), Number(port)), {
    exitCode: 2,
    message: `port ${port} is in use by another program`,
    remedy: /--port 0/,
  });
  await t.rejects(
    startServer(undefined, Number(port), signal),
    { message: `port ${port} is in use by another program` },
    'before anything is built',
  );
});

t.test('a site lists what it consists of, and replaces an earlier one', async (t) => {
  const dir = join(t.testdir({}), 'a', 'site');
  const listed = (): SiteList => JSON.parse(readFileSync(join(dir, SITE_LIST), 'utf8')) as SiteList;
  await writeSite(dir, files({ 'machine/kernel-1': 'old' }), '1.0.0');
  t.same(listed(), {
    format: 'snapback-site-1',
    version: '1.0.0',
    complete: true,
    files: [
      { path: 'index.html', bytes: 3, sha256: sha256(bytes('<p>')) },
      { path: 'v86.wasm', bytes: 1, sha256: sha256(bytes('w')) },
      { path: 'machine/kernel-1', bytes: 3, sha256: sha256(bytes('old')) },
    ],
  });
  writeFileSync(join(dir, 'CNAME'), 'example.org');
  await writeSite(dir, files({ 'index.html': '<b>', 'machine/kernel-2': 'new', 'parts/more-1.js': 'm' }), '1.0.1');
  t.same(readdirSync(dir, { recursive: true }).sort(), [
    'CNAME',
    'index.html',
    'machine',
    'machine/kernel-2',
    'parts',
    'parts/more-1.js',
    SITE_LIST,
    'v86.wasm',
  ]);
  t.equal(readFileSync(join(dir, 'index.html'), 'utf8'), '<b>');
  t.equal(readFileSync(join(dir, 'CNAME'), 'utf8'), 'example.org', 'what others put there stays');
  t.same(
    listed().files.map((file) => file.sha256),
    listed().files.map(({ path }) => sha256(readFileSync(join(dir, path)))),
  );
  await writeSite(dir, files(), '1.0.1');
  for (const folder of ['machine', 'parts']) t.notOk(existsSync(join(dir, folder)), 'a folder without files goes');
});

t.test('a site that could not be written whole can be written again', async (t) => {
  const dir = t.testdir({});
  await writeSite(dir, files({ 'machine/kernel-1': 'old' }), '1.0.0');
  // A folder is in the way of the last file.
  mkdirSync(join(dir, 'machine/kernel-2/x'), { recursive: true });
  await t.rejects(writeSite(dir, files({ 'machine/kernel-2': 'new' }), '1.0.1'), {
    exitCode: 3,
    message: `cannot write the site to ${dir}`,
    remedy: /run the command again/,
  });
  t.match(JSON.parse(readFileSync(join(dir, SITE_LIST), 'utf8')), { complete: false });
  t.same(
    readdirSync(dir, { recursive: true }).filter((name) => String(name).endsWith('.partial')),
    [],
  );
  rmSync(join(dir, 'machine/kernel-2'), { recursive: true });
  t.match(await writeSite(dir, files({ 'machine/kernel-3': 'new' }), '1.0.1'), { complete: true });
  t.same(readdirSync(join(dir, 'machine')), ['kernel-3'], 'the earlier files go then');
});

t.test('a folder that holds something else is refused before anything is built', async (t) => {
  const refuse = async (dir: string, message: RegExp): Promise<void> => {
    const before = readdirSync(dir);
    const expected = { exitCode: 2, message, remedy: /empty or absent/ };
    await t.rejects(writeSite(dir, files(), '1'), expected);
    await t.rejects(siteCommand(dir, '/no/such/scenario.yaml', {}, { signal, done: () => undefined }), expected);
    t.same(readdirSync(dir), before);
  };
  await refuse(t.testdir({ 'thesis.tex': '' }), /is not empty, and is not an earlier site/);
  const list = (path: string): string =>
    JSON.stringify({ format: 'snapback-site-1', version: '1', complete: true, files: [{ path }] });
  for (const text of ['', '{', 'null', '[]', '{"format":"snapback-site-1"}', list('../thesis.tex'), list('/etc/x')])
    await refuse(t.testdir({ [SITE_LIST]: text }), /is not the list of an earlier site/);
  await t.rejects(writeSite(join(t.testdir({ file: '' }), 'file'), files(), '1'), {
    exitCode: 2,
    message: /^cannot use .*file as the folder of the site$/,
  });
});

t.test('a scenario whose machine cannot be in a browser is refused', async (t) => {
  const dir = t.testdir({
    'qemu.yaml': 'name: x\nmachine: { engine: qemu, arch: x86_64 }\nsteps: [boot]\n',
    'share.yaml': 'name: x\nmachine: { share: empty }\nsteps: [boot]\n',
  });
  const serve = (name: string) => startServer(join(dir, name), 0, signal);
  await t.rejects(serve('qemu.yaml'), { exitCode: 2, message: /qemu\.yaml needs a machine of the engine qemu/ });
  await t.rejects(serve('share.yaml'), { exitCode: 2, message: /share\.yaml gives its machine a share/ });
  await t.rejects(serve('none.yaml'), { exitCode: 2, message: /cannot read the scenario .*none\.yaml/ });
});
