// SPDX-License-Identifier: MIT
/**
 * Checks the virtqueue of the share's 9p device before v86 reads it. v86 reads requests until it has reached the index
 * in the available ring. After a reset the rings of a queue are at address 0, where each reply increments that index,
 * so that v86 would never end.
 */
import type { V86Descriptor, V86VirtQueue } from '../internals.js';
import { DeviceMisuse, hexAddress, isInRam, type GuestRam } from '../misuse.js';
import { MESSAGE_BYTES_MAX, REPLY_BYTES_MIN, REQUEST_BYTES_MIN } from './wire.js';

/** Number of the feature that allows indirect tables of descriptors. */
const FEATURE_INDIRECT = 28;
const FLAG = { next: 1, write: 2, indirect: 4 } as const;
const DESCRIPTOR_BYTES = 16;

/** Checks `queue` from now on at each notification, which throws {@link DeviceMisuse} when the queue is bad. */
export function guardQueue(queue: V86VirtQueue, ram: GuestRam): void {
  const { pop_request: pop, notify_me_after: notifyMeAfter } = queue;
  /** Unread requests of the present notification; undefined between two notifications. */
  let left: number | undefined;

  queue.has_request = () => {
    left ??= countRequests(queue, ram);
    return left > 0;
  };
  queue.pop_request = () => {
    checkChain(queue, queue.avail_get_entry(queue.avail_last_idx), ram);
    left = (left ?? 1) - 1;
    return pop.call(queue);
  };
  // v86 calls this last in a notification.
  queue.notify_me_after = (requests) => {
    left = undefined;
    if (queue.count_requests() !== 0)
      throw misuse('the replies overwrite the available ring: a buffer or the used ring overlaps it');
    notifyMeAfter.call(queue, requests);
  };
}

/** The number of requests that the guest has made available. */
function countRequests(queue: V86VirtQueue, ram: GuestRam): number {
  const { size } = queue;
  if (!queue.enabled)
    throw misuse(
      'it notified the device of requests in a queue that is not enabled; a reset disables it and forgets its rings',
    );
  if (size < 1) throw misuse('the queue has no entries');
  const parts = [
    ['descriptor table', queue.desc_addr, DESCRIPTOR_BYTES * size],
    ['available ring', queue.avail_addr, 6 + 2 * size],
    ['used ring', queue.used_addr, 6 + 8 * size],
  ] as const;
  for (const [name, address, bytes] of parts) {
    const at = address >>> 0;
    if (!isInRam(at, bytes, ram)) throw misuse(`the ${name} at ${hexAddress(at)} is not in RAM`);
  }
  const count = queue.count_requests();
  if (count > size) throw misuse(`the available ring holds ${count} new requests, but the queue has ${size} entries`);
  return count;
}

/** Follows a request's descriptors in the same way as v86. */
function checkChain(queue: V86VirtQueue, head: number, ram: GuestRam): void {
  let table = { at: queue.desc_addr, entries: queue.size, isIndirect: false };
  let readableBytes = 0;
  let writableBytes = 0;
  let followed = 0;
  for (let index = head; ;) {
    if (index >= table.entries) throw misuse(`descriptor ${index} is not in its table of ${table.entries}`);
    const descriptor = queue.get_descriptor(table.at, index);
    const at = addressOf(descriptor);
    const lengthBytes = descriptor.len >>> 0;
    if (!isInRam(at, lengthBytes, ram)) throw misuse(`${lengthBytes} bytes at ${hexAddress(at)} are not in RAM`);
    if ((descriptor.flags & FLAG.indirect) !== 0) {
      if (!queue.virtio.is_feature_negotiated(FEATURE_INDIRECT))
        throw misuse('an indirect table of descriptors, which the driver has not negotiated');
      if (table.isIndirect) throw misuse('an indirect table of descriptors contains another one');
      if (lengthBytes === 0 || lengthBytes % DESCRIPTOR_BYTES !== 0)
        throw misuse(`an indirect table of descriptors is ${lengthBytes} bytes long`);
      table = { at, entries: lengthBytes / DESCRIPTOR_BYTES, isIndirect: true };
      [index, followed] = [0, 0];
      continue;
    }
    if ((descriptor.flags & FLAG.write) !== 0) writableBytes += lengthBytes;
    else if (writableBytes > 0) throw misuse('a readable descriptor follows a writable one');
    else readableBytes += lengthBytes;
    if ((descriptor.flags & FLAG.next) === 0) break;
    if (++followed >= table.entries) throw misuse(`the chain of descriptors that starts at ${head} is a loop`);
    index = descriptor.next;
  }
  if (readableBytes < REQUEST_BYTES_MIN || readableBytes > MESSAGE_BYTES_MAX)
    throw misuse(
      `a request is ${readableBytes} bytes long, less than the shortest message of 9P (${REQUEST_BYTES_MIN}) or more than the longest (${MESSAGE_BYTES_MAX})`,
    );
  if (writableBytes < REPLY_BYTES_MIN)
    throw misuse(
      `a request has room for a reply of ${writableBytes} bytes, but the shortest reply has ${REPLY_BYTES_MIN}`,
    );
}

const addressOf = ({ addr_low: low, addr_high: high }: V86Descriptor): number => (high >>> 0) * 2 ** 32 + (low >>> 0);

const misuse = (what: string): DeviceMisuse => new DeviceMisuse(`the share's 9p device (virtio): ${what}`);
