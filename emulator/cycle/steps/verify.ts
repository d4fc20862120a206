// SPDX-License-Identifier: MIT
import { GuestError, InputError } from '../../machine/errors.js';
import { frozenAcrossPowerOff, frozenInLiveTimeline } from '../frozen.js';
import type { Proof, SimpleStep } from '../plan.js';
import type { Proven } from '../proofs.js';
import type { StepContext } from './context.js';

/** Compares the resumed system with the suspended one. A proof that cannot be made keeps no other from being made. */
export async function verify(context: StepContext, { proofs }: Extract<SimpleStep, { do: 'verify' }>): Promise<void> {
  if (!context.resumed) throw new InputError('nothing has been resumed that could be verified');
  const { evidence: collected, resumed } = context;
  const { evidence, suspended, markers } = resumed;
  const { early = {} } = suspended;
  const use = context.deps.proofs;
  const prove = async <T>(proof: Proof, make: () => Promise<Proven<T>>): Promise<Proven<T> | undefined> =>
    proofs.includes(proof) ? provenBy(context, make) : undefined;
  const taken = <T>(proven: Proven<T> | undefined): T | undefined => proven && collected.take(proven);
  const memory = taken(await prove('memory', () => use.memory(evidence)));
  const image = taken(await prove('image', () => early.image ?? use.image(evidence)));
  const disk = taken(await prove('disk', () => use.disk(evidence)));
  const filesystems = await prove(
    'filesystems',
    () => early.filesystems ?? use.filesystems(evidence.disks, 'suspend', evidence.method === 'sys_snapshot'),
  );
  if (filesystems) collected.addFilesystems(filesystems);
  collected.addCycle({
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

/** What `make` proves; undefined when the guest keeps it from that, which is a finding and ends the scenario. */
async function provenBy<T>(context: StepContext, make: () => Promise<Proven<T>>): Promise<Proven<T> | undefined> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    context.evidence.addError(error);
    context.over = true;
    return undefined;
  }
}
