// SPDX-License-Identifier: MIT
/** The build context that a command gives to build steps. */
import { type BuildContext, caches } from '../../emulator/host/node/artifacts/context.js';
import { progressTo, type Progress } from './progress.js';

export function buildContext(signal: AbortSignal): { readonly context: BuildContext; readonly progress: Progress } {
  const progress = progressTo(process.stderr, () => performance.now());
  return { progress, context: { ...caches(), signal, progress: progress.say } };
}
