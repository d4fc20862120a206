// SPDX-License-Identifier: MIT
import { InputError } from '../../machine/errors.js';
import { frozenAcrossPowerOff, frozenInLiveTimeline } from '../frozen.js';
import type { Proof, SimpleStep } from '../plan.js';
import type { StepContext } from './context.js';

/** Compares the resumed system with the suspended one. */
export async function verify(context: StepContext, { proofs }: Extract<SimpleStep, { do: 'verify' }>): Promise<void> {
  if (!context.resumed) throw new InputError('nothing has been resumed that could be verified');
  const { evidence: collected, resumed } = context;
  const { evidence, suspended, markers } = resumed;
  const use = context.deps.proofs;
  const has = (proof: Proof): boolean => proofs.includes(proof);
  const memory = has('memory') ? collected.take(await use.memory(evidence)) : undefined;
  const { early = {} } = suspended;
  const image = has('image') ? collected.take(await (early.image ?? use.image(evidence))) : undefined;
  const disk = has('disk') ? collected.take(await use.disk(evidence)) : undefined;
  if (has('filesystems'))
    collected.filesystems.push(
      ...collected.take(
        await (early.filesystems ?? use.filesystems(evidence.disks, 'suspend', evidence.method === 'sys_snapshot')),
      ),
    );
  collected.cycles.push({
    method: evidence.method,
    offMs: suspended.offMs,
    frozen:
      evidence.method === 'swsusp'
        ? frozenAcrossPowerOff(suspended.seen, { markers })
        : frozenInLiveTimeline(suspended.seen.markers),
    memory,
    image,
    disk,
  });
  // Two copies of all RAM: not needed any longer.
  context.resumed = undefined;
}
