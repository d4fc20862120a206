// SPDX-License-Identifier: MIT
/** The commands and the text of `--help`. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { KERNEL_ARCHS } from '../../guest-kernel/build.js';
import { BISECT_OPTION } from './bisect-exit.js';
import { buildCommand, type BuildOptions } from './build.js';
import type { CommandContext } from './context.js';
import { cleanCommand, type CleanOptions } from './clean.js';
import { doctorCommand, type DoctorOptions } from './doctor.js';
import { replayCommand } from './replay.js';
import { mergeCommand } from './merge.js';
import { runCommand, type RunOptions } from './run.js';
import { DEFAULT_PORT, serveCommand, type ServeOptions } from './serve.js';
import { SHELL_TIMEOUT_S, shellCommand, type ShellOptions } from './shell.js';
import { siteCommand, type SiteOptions } from './site.js';
import { FLAVOUR_DEFAULT, validateCommand, type ValidateOptions } from './validate.js';
import type { ReportOptions } from '../run/last-validation.js';
import {
  ARCHITECTURES,
  DEFAULT_METHOD,
  FREEZE_ORDERS,
  KERNEL_BASES,
  KERNEL_FLAVOURS,
  SUSPEND_METHODS,
} from '../../emulator/cycle/plan.js';
import { ENGINES } from '../../emulator/engines/names.js';
import { DISK_BUSES } from '../../emulator/machine/contract.js';
import { MATRIX_DEFAULT, matrixNames } from '../run/matrix-names.js';
import type { Parameters } from '../../emulator/scenario/parameters.js';
import { readShard, type Shard } from '../../emulator/validate/shards.js';
import { mebibytes } from '../../emulator/scenario/schema.js';
import { snapbackVersion } from '../../emulator/host/node/versions.js';

const EXAMPLES = `
Examples:
  snapback                                 snapshot the standard machine, live on, resume, and prove that nothing was lost
  snapback --method swsusp                 the same with the kernel's own hibernation, as the control
  snapback run my.yaml --seed 7            run a scenario of your own with another seed
  snapback run my.yaml --json report.json  and write what was found for other programs
  snapback run my.yaml --kernel ~/linux    run it on a kernel that you built
  snapback run my.yaml --engine qemu --processors 2
                                           run it on x86_64 with two processors, in QEMU
  snapback validate --patches my.patch     build the kernel with a patch, and say what it breaks
  snapback replay report.json              do that very run again; its state hash must be the same
  snapback shell                           a prompt in the guest; Ctrl-] quits
  snapback serve --open                    the same machine in your browser

A scenario of your own, as a file my.yaml:
  name: my program survives
  files:
    - { from: ./my-program, to: /root/my-program, mode: '0755' }
  steps:
    - boot
    - start: /root/my-program serve
    - suspend: { offTime: 8 h }
    - resume
    - run: { command: /root/my-program check, stdout: all well }
    - verify

Exit status: 0 nothing was lost; 1 the guest lost something or failed; 2 wrong input; 3 Snapback could not do its work.`;

export function buildProgram(context: CommandContext): Command {
  const program = new Command('snapback')
    .description(
      'Boots a small Linux in a bit-deterministic machine, suspends it, cuts its power, resumes it in a new machine, and proves by diffing memory and disks that nothing was lost.',
    )
    .version(snapbackVersion())
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(snapback --help says more)')
    .exitOverride();
  const sub = (spec: string): Command => program.command(spec).copyInheritedSettings(program);

  withRunOptions(sub('run [scenarios...]'))
    .description('run scenarios (YAML files); without any, the standard one of a method')
    .addOption(
      new Option(
        '--method <method>',
        "by snapshot(2), or by the kernel's own hibernation: each suspend of the scenarios that are named, or else which standard scenario",
      )
        .choices(SUSPEND_METHODS)
        .default(undefined, DEFAULT_METHOD),
    )
    .option('--set <name=value>', 'the value of a parameter that the scenarios have; can be repeated', parameter)
    .action(async (files: string[], options: RunOptions) => context.done(await runCommand(files, options, context)));
  sub('shell [scenario]')
    .description(
      'a console of the machine that a scenario describes; Ctrl-] quits. Runs commands from a pipe, too, and ends after them',
    )
    .option('--seed <n>', 'seed of all chance in the machine', seed)
    .option('--record <file>', 'write what is typed, with the instruction at which it arrives')
    .option(
      '--play <file>',
      'repeat recorded typing at the same instructions; without a terminal the command then ends',
    )
    .option(
      '--timeout <s>',
      "seconds of the guest's time for which it may go on after the end of the input",
      seconds,
      SHELL_TIMEOUT_S,
    )
    .action(async (file: string | undefined, options: ShellOptions) =>
      context.done(await shellCommand(file, options, context)),
    );
  sub('serve [scenario]')
    .description(
      'serve a page, on this host only, that runs the machine of a scenario in the browser; other scenarios are chosen there',
    )
    .option('--port <n>', 'port of the page; 0 means any that is free', port, DEFAULT_PORT)
    .option('--open', 'also open the page in your browser')
    .action(async (file: string | undefined, options: ServeOptions) =>
      context.done(await serveCommand(file, options, context)),
    );
  sub('site <folder> [scenario]')
    .description('write the page to a folder, as files that any web server can deliver')
    .option(
      '--scenarios <name...>',
      'scenarios of test/scenarios that can be chosen on the page besides those with the same machine, or `all`',
    )
    .action(async (folder: string, file: string | undefined, options: SiteOptions) =>
      context.done(await siteCommand(folder, file, options, context)),
    );
  withRunOptions(sub('replay <file>'), false)
    .description('repeat the run of a JSON report, or a session that the page has saved, and compare')
    .action(async (file: string, options: RunOptions) => context.done(await replayCommand(file, options, context)));
  withReportFiles(sub('validate'))
    .description(
      'build the kernel with patches of yours, run a matrix of scenarios with and without them, and say what they change',
    )
    .option(
      '--patches <path...>',
      'files of `git format-patch`, folders of them, mailboxes, or - for standard input, in the order in which they are applied',
    )
    .option(
      '--tree <folder>',
      'instead: a git tree of a kernel, of which the commit that is checked out is validated as a whole',
    )
    .option('--range <commits>', 'such as HEAD~3..HEAD: these commits of --tree, as patches on top of the series')
    .addOption(
      new Option(
        '--matrix <name>',
        `which scenarios: ${matrixNames().join(', ')}, or a YAML file with your own`,
      ).default(undefined, MATRIX_DEFAULT),
    )
    .addOption(
      new Option(
        '--base <source>',
        'what the patches go on top of: the series (the default), or the pristine source, with which all suspends must be by swsusp',
      ).choices(KERNEL_BASES),
    )
    .addOption(
      new Option('--flavour <flavour>', 'which kernel, for cells of the matrix that name none')
        .choices(KERNEL_FLAVOURS)
        .default(undefined, FLAVOUR_DEFAULT),
    )
    .option('--resume', 'go on with the last validation, which was interrupted or failed')
    .option('--jobs <n>', 'cells that are run side by side, instead of as many as this host has processors for', jobs)
    .option(
      '--shard <part>',
      'such as 2/8: run only the second of eight parts of the matrix, for `snapback merge`',
      shard,
    )
    .option('--results <folder>', 'keep the result of each cell there; those that are there are not run again')
    .option('--bisect', 'find the first patch that breaks each cell that is broken')
    .option(
      '--b4',
      'be a check of `b4 review`: a mail on standard input, a patch or the cover letter of a series, and results as JSON on standard output',
    )
    .option(
      BISECT_OPTION,
      'be a command of `git bisect run`: exit with 125 if the kernel does not build, with 200 or more if nothing was judged',
    )
    .action(async (options: ValidateOptions) => context.done(await validateCommand(options, context)));
  withReportFiles(sub('merge <folders...>'))
    .description('make one report of what the shards of a validation have left in these folders')
    .action(async (folders: string[], options: ReportOptions) => context.done(await mergeCommand(folders, options)));
  sub('doctor')
    .description('name each missing prerequisite and the command that installs it')
    .option('--cure', 'also install what is missing, where that can be done without asking')
    .action(async (options: DoctorOptions) => context.done(await doctorCommand(options, context)));
  sub('build')
    .description('build kernel, guest programs and disks into the cache, without running anything')
    .addOption(new Option('--kernel <flavour>', 'which kernel').choices(KERNEL_FLAVOURS).default('release'))
    .addOption(new Option('--arch <architecture>', "the kernel's architecture").choices(KERNEL_ARCHS).default('i386'))
    .option(
      '--patches <path...>',
      'also build it with these patches, as for `snapback validate`, whose cells are then run without a build',
    )
    .option('--tests', 'build everything that `npm test` needs')
    .action(async (options: BuildOptions) => context.done(await buildCommand(options, context)));
  sub('clean')
    .description('remove from the cache what the present sources do not need')
    .option('--all', 'remove everything; later commands build it again')
    .option('--dry-run', 'only say what would be removed')
    .action(async (options: CleanOptions) => context.done(await cleanCommand(options, context)));
  return program;
}

const TRACE_HELP = 'write steps of the kernel, freezes and writes as a trace for Perfetto or Chrome';

function withRunOptions(command: Command, seeded = true): Command {
  if (seeded) {
    command
      .option('--seed <n>', "seed of all chance in the machine, instead of the scenario's", seed)
      .option(
        '--kernel <name>',
        `${KERNEL_FLAVOURS.join(', ')}, or a folder with a kernel of your own, instead of the scenario's`,
      )
      .addOption(
        new Option(
          '--engine <name>',
          "what the machine is made by, instead of the scenario's engine. On qemu, a scenario that names no architecture gets the kernel for x86_64",
        ).choices(Object.keys(ENGINES)),
      )
      .addOption(
        new Option('--arch <architecture>', "the kernel's architecture, instead of the scenario's").choices(
          ARCHITECTURES,
        ),
      )
      .option('--processors <n>', "number of processors, instead of the scenario's", processors)
      .option('--memory <size>', "RAM, such as '512 MiB', instead of the scenario's", memory)
      .addOption(
        new Option('--disk-bus <bus>', "what the disks are connected to, instead of the scenario's `diskBus`").choices(
          DISK_BUSES,
        ),
      )
      .addOption(
        new Option(
          '--freeze-order <order>',
          "what each snapshot(2) freezes first, instead of the scenario's `freezeOrder`",
        ).choices(FREEZE_ORDERS),
      );
  }
  return command
    .option(
      '--json <file>',
      'write the report as JSON (- for standard output); a list when there are several scenarios',
    )
    .option('--junit <file>', 'write the report as JUnit XML')
    .option('--ktap <file>', 'write the report as KTAP')
    .option('--trace <file>', TRACE_HELP)
    .option('--console <file>', "write all that the guest's console showed")
    .option('--verbose', "show the guest's console as it comes, and what each command printed as it ends");
}

const withReportFiles = (command: Command): Command =>
  command
    .option('--json <file>', 'write what was found as JSON (- for standard output)')
    .option('--junit <file>', 'write it as JUnit XML')
    .option('--ktap <file>', 'write it as KTAP')
    .option('--summary <file>', 'write ten lines to paste into a mail')
    .option('--trace <file>', TRACE_HELP)
    .option('--html <file>', 'write it as one page that needs neither network nor programs');

function jobs(text: string): number {
  if (!/^[1-9]\d?$/.test(text)) throw new InvalidArgumentError('a number from 1 to 99 is wanted.');
  return Number(text);
}

function shard(text: string): Shard {
  const read = readShard(text);
  if (!read) throw new InvalidArgumentError('a part such as 2/8 is wanted: the second of eight.');
  return read;
}

function seconds(text: string): number {
  if (!/^\d{1,6}$/.test(text) || Number(text) === 0)
    throw new InvalidArgumentError('a whole number of seconds from 1 to 999999 is wanted.');
  return Number(text);
}

function parameter(text: string, before: Parameters = {}): Parameters {
  const [, name, value] = /^(\w+)=(\S+)$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError('a name and a value are wanted, such as filesystem=xfs.');
  return { ...before, [name]: value };
}

function port(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new InvalidArgumentError('a whole number from 0 to 65535 is wanted.');
  return Number(text);
}

function processors(text: string): number {
  if (!/^[1-8]$/.test(text)) throw new InvalidArgumentError('a number from 1 to 8 is wanted.');
  return Number(text);
}

function memory(text: string): number {
  const mib = mebibytes(text);
  if (mib === undefined) throw new InvalidArgumentError("a size such as '512 MiB' or '1 GiB' is wanted.");
  return mib;
}

function seed(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) > 0xffff_ffff)
    throw new InvalidArgumentError('a whole number from 0 to 4294967295 is wanted.');
  return Number(text);
}
