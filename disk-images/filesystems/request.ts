// SPDX-License-Identifier: MIT
/** The inputs for making a volume. */
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import type { Entry } from '../../emulator/host/node/tree/tree.js';
import type { Volume } from '../recipe/recipe.js';

export interface MakeRequest {
  /** A file of zeros of the volume's size, to be filled. */
  readonly image: string;
  readonly volume: Volume;
  readonly tree: readonly Entry[];
  /** An empty folder for temporary files. */
  readonly scratch: string;
  readonly context: BuildContext;
}
