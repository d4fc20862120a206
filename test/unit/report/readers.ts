// SPDX-License-Identifier: MIT
/** Readers of the formats that reports are written in: as strict as the formats, and none of them ours. */
import { spawnSync } from 'node:child_process';

export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
  readonly children: readonly XmlElement[];
}

const PARSE = `
import json, sys, xml.etree.ElementTree as tree
def plain(e): return { 'name': e.tag, 'attributes': e.attrib, 'text': e.text or '', 'children': [plain(c) for c in e] }
print(json.dumps(plain(tree.fromstring(sys.stdin.buffer.read()))))
`;

/** The root element, as expat reads it. @throws when the document is not well-formed. */
export function parseXml(document: string): XmlElement {
  const { status, stdout, stderr, error } = spawnSync('python3', ['-c', PARSE], { input: document, encoding: 'utf8' });
  if (status !== 0) throw error ?? new Error(stderr);
  return JSON.parse(stdout) as XmlElement;
}

interface JunitRule {
  readonly children: readonly string[];
  readonly required: readonly string[];
  readonly optional: readonly string[];
}
const TEXT: JunitRule = { children: [], required: [], optional: [] };
const OUTCOME: JunitRule = { children: [], required: [], optional: ['type', 'message'] };
const OUTPUTS = ['system-out', 'system-err'];
const COUNTS = ['tests', 'failures', 'errors'];
/** What the schema of Jenkins' xUnit plugin (junit-10.xsd) allows; GitLab reads no more than that. */
const JUNIT: Readonly<Record<string, JunitRule>> = {
  testsuites: { children: ['testsuite'], required: [], optional: ['name', 'time', ...COUNTS] },
  testsuite: {
    children: ['testsuite', 'properties', 'testcase', ...OUTPUTS],
    required: ['name', ...COUNTS],
    optional: ['time', 'skipped', 'timestamp', 'hostname', 'id', 'package', 'file', 'group', 'log', 'url'],
  },
  properties: { children: ['property'], required: [], optional: [] },
  property: { children: [], required: ['name', 'value'], optional: [] },
  testcase: {
    children: ['skipped', 'error', 'failure', ...OUTPUTS],
    required: ['name'],
    optional: ['time', 'classname', 'group'],
  },
  skipped: OUTCOME,
  error: OUTCOME,
  failure: OUTCOME,
  'system-out': TEXT,
  'system-err': TEXT,
};

/** The root element of a JUnit document. @throws when it is not well-formed, or has what readers of JUnit do not know. */
export function parseJunit(document: string): XmlElement {
  const check = ({ name, attributes, children }: XmlElement): void => {
    const { children: allowed, required, optional } = JUNIT[name] ?? TEXT;
    const wrong = [
      ...children.flatMap((child) => (allowed.includes(child.name) ? [] : [`<${child.name}>`])),
      ...Object.keys(attributes).filter((key) => !required.includes(key) && !optional.includes(key)),
    ];
    const missing = required.filter((key) => !(key in attributes));
    if (wrong.length + missing.length > 0)
      throw new Error(
        `<${name}> must not have ${wrong.join(', ') || 'less'}, and lacks ${missing.join(', ') || 'nothing'}`,
      );
    const { time = '0' } = attributes;
    if (!/^\d+(?:\.\d+)?$/.test(time)) throw new Error(`<${name}> has the time ${time}`);
    children.forEach(check);
  };
  const root = parseXml(document);
  if (root.name !== 'testsuites') throw new Error(`the root is <${root.name}>`);
  check(root);
  return root;
}

export interface KtapPoint {
  readonly ok: boolean;
  readonly number: number;
  readonly name: string;
  readonly directive: string | undefined;
  readonly points: readonly KtapPoint[];
}

/** The points of a KTAP document, after Documentation/dev-tools/ktap.rst of Linux. @throws at the first line that is none. */
export function parseKtap(document: string): readonly KtapPoint[] {
  if (!document.endsWith('\n')) throw new Error('the last line does not end');
  const lines = document.slice(0, -1).split('\n');
  let at = 0;
  const level = (indent: string): readonly KtapPoint[] => {
    if (lines[at++] !== `${indent}KTAP version 1`) throw new Error(`no version at line ${at}`);
    const planned = Number(new RegExp(`^${indent}1\\.\\.(\\d+)$`).exec(lines[at++] ?? '')?.[1]);
    const points: KtapPoint[] = [];
    let below: readonly KtapPoint[] = [];
    while (points.length < planned) {
      const line = lines[at] ?? '';
      const point = new RegExp(`^${indent}(not )?ok (\\d+)(?: - | )?([^#]*)(?: ?# ?(.*))?$`).exec(line);
      if (line === `${indent}  KTAP version 1`) below = level(`${indent}  `);
      else if (point) {
        const [, not, number, name = '', directive] = point;
        points.push({ ok: not === undefined, number: Number(number), name, directive, points: below });
        if (Number(number) !== points.length) throw new Error(`point ${number ?? ''} is not the next one`);
        below = [];
        at++;
      } else if (line.startsWith(`${indent}# `) || line === `${indent}#`) {
        if (/^ *# Subtest/.test(line)) throw new Error(`line ${at + 1} calls itself a subtest`);
        at++;
      } else throw new Error(`line ${at + 1} is not KTAP: ${line}`);
    }
    return points;
  };
  const points = level('');
  if (at !== lines.length) throw new Error(`line ${at + 1} is beyond the plan`);
  return points;
}
