// SPDX-License-Identifier: MIT
/** The files of tools/ci, as scripts: what they make of the variables of their systems, and that the command line takes it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { EXIT } from '../../../emulator/machine/errors.js';
import { packagePath } from '../../../emulator/host/node/paths.js';
import { curedPurposes, FOR_PATCHES } from '../../../tools/cli/doctor.js';
import { buildProgram } from '../../../tools/cli/program.js';
import type { ValidateOptions } from '../../../tools/cli/validate.js';

const read = (name: string): string => readFileSync(packagePath('tools', 'ci', name), 'utf8');

/** In the place of Node: it writes down what is to be run, and its arguments, each with a NUL behind it, and a line. */
const NODE = `#!/bin/sh
printf '%s\\0' "$@" >> "$CALLS"
echo >> "$CALLS"
exit "\${STATUS:-0}"
`;
/** Likewise for Slurm's. */
const SCONTROL = '#!/bin/sh\nprintf "%s\\\\0" scontrol "$@" >> "$CALLS"\necho >> "$CALLS"\n';

/** Exit statuses of a shard after which it is not tried again: the next try would end in the same way. And that after which it is. */
const FINAL = [EXIT.guestFailed, EXIT.badInput];
const AGAIN = EXIT.rigFailed;

interface Ran {
  readonly status: number | null;
  readonly calls: readonly (readonly string[])[];
}

function runner(t: Test): (script: string, env: Readonly<Record<string, string>>) => Ran {
  const dir = t.testdir({ bin: { node: NODE, scontrol: SCONTROL } });
  const calls = join(dir, 'calls');
  return (script, env) => {
    const { status, stderr } = spawnSync('sh', ['-c', `: > "$CALLS"; chmod +x ${join(dir, 'bin')}/*; ${script}`], {
      cwd: dir,
      encoding: 'utf8',
      env: {
        ...process.env,
        PATH: `${join(dir, 'bin')}:${process.env['PATH'] ?? ''}`,
        NODE_OPTIONS: '',
        SNAPBACK: 'snapback',
        CALLS: calls,
        ...env,
      },
    });
    if (stderr !== '') t.comment(stderr);
    const lines = readFileSync(calls, 'utf8').split('\0\n').slice(0, -1);
    return { status, calls: lines.map((line) => argumentsOf(line.split('\0'))) };
  };
}

/** What Snapback gets, or another program and its arguments. */
const argumentsOf = ([first = '', ...rest]: readonly string[]): readonly string[] =>
  first === 'snapback/tools/snapback.mjs' ? rest : [first, ...rest];

/** The options that the command line makes of the arguments. @throws CommanderError when it does not take them. */
function optionsOf(args: readonly string[] = []): ValidateOptions {
  let options: unknown;
  const program = buildProgram({ signal: new AbortController().signal, done: () => undefined });
  for (const command of program.commands) command.action((...given: unknown[]) => void (options = given.at(-2)));
  program.parse(args, { from: 'user' });
  return options as ValidateOptions;
}

const PATCHES = { patches: ['patches'] };
const REPORTS = { junit: 'report.xml', json: 'report.json' };
const shardOf = ({ calls }: Ran): unknown => optionsOf(calls.find(([name]) => name === 'validate')).shard;

t.test('GitHub', (t) => {
  const run = runner(t);
  interface Step {
    readonly name?: string;
    readonly run?: string;
    readonly env?: Readonly<Record<string, string>>;
  }
  const { jobs, env } = parse(read('github.yml')) as {
    readonly env: Readonly<Record<string, string>>;
    readonly jobs: Readonly<
      Record<string, { readonly steps: readonly Step[]; readonly strategy?: { readonly matrix: { shard: number[] } } }>
    >;
  };
  const step = (job: string): Step => jobs[job]?.steps.find(({ name }) => name === job) ?? {};
  const shards = jobs['shard']?.strategy?.matrix.shard ?? [];
  t.same(
    shards,
    shards.map((_, index) => index + 1),
  );
  const SHARD = (step('shard').env?.['SHARD'] ?? '')
    .replace('${{ matrix.shard }}', '3')
    .replace('${{ strategy.job-total }}', String(shards.length));
  t.same(shardOf(run(step('shard').run ?? '', { ...env, SHARD })), { index: 3, count: shards.length });
  t.same(optionsOf(run(step('report').run ?? '', { ...env }).calls[0]), REPORTS);
  t.match(optionsOf(run(step('build').run ?? '', { ...env }).calls[0]), PATCHES);
  t.end();
});

t.test('GitLab', (t) => {
  const run = runner(t);
  const jobs = parse(read('gitlab.yml')) as Readonly<
    Record<
      string,
      { readonly script: readonly string[]; readonly retry?: { readonly max: number; readonly exit_codes: number[] } }
    >
  >;
  const script = (job: string): string => (jobs[job]?.script ?? []).join(' && ');
  const { calls } = run(script('shard'), { CI_NODE_INDEX: '3', CI_NODE_TOTAL: '4' });
  t.match(calls, [['doctor', '--cure'], ['validate']]);
  t.same(shardOf({ status: 0, calls }), { index: 3, count: 4 });
  t.same(optionsOf(run(script('report'), {}).calls[0]), REPORTS);
  t.match(optionsOf(run(script('build'), {}).calls[1]), PATCHES);
  const { max, exit_codes: codes = [] } = jobs['shard']?.retry ?? {};
  t.equal(max, 2, 'as the README says');
  t.ok(codes.includes(AGAIN) && codes.includes(137));
  t.notOk(FINAL.some((status) => codes.includes(status)));
  t.same(
    Object.entries(jobs).flatMap(([name, { retry }]) => (retry === undefined ? [] : [name])),
    ['shard'],
  );
  t.end();
});

t.test('Kubernetes counts from 0', (t) => {
  const run = runner(t);
  const { spec } = parse(read('kubernetes.yaml')) as {
    readonly spec: {
      readonly completions: number;
      readonly template: {
        readonly spec: {
          readonly containers: readonly {
            readonly command: readonly [string, string, string];
            readonly env: readonly { readonly name: string; readonly value: string }[];
          }[];
        };
      };
    };
  };
  const [container] = spec.template.spec.containers;
  const env = Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value]));
  t.equal(env['SHARDS'], String(spec.completions));
  const [, , script = ''] = container?.command ?? [];
  const shard = (index: number): unknown =>
    shardOf(run(script, { ...env, SNAPBACK: 'snapback', JOB_COMPLETION_INDEX: String(index) }));
  t.same(shard(0), { index: 1, count: 8 });
  t.same(shard(7), { index: 8, count: 8 });
  t.end();
});

t.test('Kubernetes tries a pod again when Snapback could not do its work', (t) => {
  interface Rule {
    readonly action: string;
    readonly onExitCodes?: { readonly operator: string; readonly values: readonly number[] };
    readonly onPodConditions?: readonly { readonly type: string }[];
  }
  const { spec } = parse(read('kubernetes.yaml')) as {
    readonly spec: {
      readonly completionMode: string;
      readonly backoffLimitPerIndex: number;
      readonly podFailurePolicy: { readonly rules: readonly Rule[] };
      readonly template: { readonly spec: { readonly restartPolicy: string } };
    };
  };
  // Both fields are for such jobs and such pods alone.
  t.match(spec, { completionMode: 'Indexed', template: { spec: { restartPolicy: 'Never' } } });
  t.equal(spec.backoffLimitPerIndex, 3, 'as the README says');
  const { rules } = spec.podFailurePolicy;
  /** What the first rule that is about an exit status does; undefined: the pod counts as one of the tries. */
  const after = (status: number): string | undefined =>
    rules.find(
      ({ onExitCodes }) => onExitCodes && onExitCodes.values.includes(status) === (onExitCodes.operator === 'In'),
    )?.action;
  for (const status of FINAL) t.equal(after(status), 'FailIndex');
  for (const status of [AGAIN, 137]) t.equal(after(status), undefined);
  t.same(
    rules.filter(({ onPodConditions }) => onPodConditions).map(({ action }) => action),
    ['Ignore'],
    'a pod that was evicted is no try',
  );
  t.end();
});

t.test('an image for Kubernetes is made by a command that installs what a shard demands', (t) => {
  t.match(read('kubernetes.yaml'), /^# .*IMAGE has Snapback in \/snapback, after `snapback doctor --cure`\./m);
  for (const hasTests of [true, false]) t.ok(FOR_PATCHES.every((purpose) => curedPurposes(hasTests).includes(purpose)));
  t.end();
});

t.test('Slurm queues a task again when Snapback could not do its work', (t) => {
  const run = runner(t);
  const task = {
    SLURM_ARRAY_TASK_ID: '2',
    SLURM_ARRAY_TASK_MAX: '5',
    SLURM_ARRAY_JOB_ID: '17',
    PATCHES: 'my patches',
    RESULTS: 'results',
  };
  const good = run(read('slurm.sh'), task);
  t.same(shardOf(good), { index: 2, count: 5 });
  t.same(shardOf(run(read('slurm.sh'), { ...task, SLURM_ARRAY_TASK_MAX: '2', SHARDS: '8' })), { index: 2, count: 8 });
  t.same(optionsOf(good.calls[0]).patches, ['my patches']);
  t.equal(good.calls.length, 1);
  const again = ['scontrol', 'requeue', '17_2'];
  for (const status of [AGAIN, 137])
    t.match(run(read('slurm.sh'), { ...task, STATUS: String(status) }), { status, calls: [['validate'], again] });
  t.match(run(read('slurm.sh'), { ...task, STATUS: '3', SLURM_RESTART_COUNT: '3' }).calls, { length: 1 });
  t.match(
    run(read('slurm.sh'), { ...task, STATUS: '1' }),
    { status: 1, calls: { length: 1 } },
    'a broken cell stays so',
  );
  t.end();
});
