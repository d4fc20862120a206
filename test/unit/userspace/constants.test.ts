// SPDX-License-Identifier: MIT
/** Numbers that stand in two languages must be the same in both. */
import { readFileSync } from 'node:fs';
import { test } from 'tap';
import { CHUNK_BYTES_MAX, PAYLOAD_BYTES_MAX } from '../../../emulator/agent/frame.js';
import { OUTPUT_CHARACTERS_MAX } from '../../../emulator/cycle/outcome.js';
import { DELIVERY_BYTES_MAX, DELIVERY_PORT, DELIVERY_WINDOW } from '../../../emulator/machine/delivery.js';
import * as protocol from '../../../emulator/agent/protocol.js';
import {
  MARKER_PORT_PVPANIC,
  MARKER_PORT_USER,
  MARKER_SCENARIO,
  MARKER_SENDING,
  MARKER_SENT,
  USER_MARKERS,
} from '../../../emulator/machine/markers.js';
import { packagePath } from '../../../emulator/host/node/paths.js';

/** `#define NAME number` and `NAME = number,` of a header. */
function numbersIn(header: string): Record<string, number> {
  const text = readFileSync(packagePath('guest-kernel/userspace', header), 'utf8');
  const found = [...text.matchAll(/^(?:#define\s+|\t)(\w+)\s+(?:=\s*)?(0x[0-9a-f]+|\d+)u?,?\s*$/gm)];
  return Object.fromEntries(found.map(([, name, value]) => [name, Number(value)]));
}

/** someName to SOME_NAME. */
const upper = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
const withPrefix = (prefix: string, numbers: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(numbers).map(([name, value]) => [`${prefix}${upper(name)}`, value]));

test('markers', async (t) => {
  const {
    RIG_MARKER_PORT_USER: port,
    RIG_MARKER_PORTS: ports,
    RIG_MARKER_PORT_PVPANIC: pvpanic,
    RIG_MARKER_SENDING: sending,
    RIG_MARKER_SENT: sent,
    ...kinds
  } = numbersIn('rig_marker.h');
  t.equal(port, MARKER_PORT_USER);
  t.equal(ports, 12);
  t.equal(pvpanic, MARKER_PORT_PVPANIC);
  t.equal(sending, MARKER_SENDING);
  t.equal(sent, MARKER_SENT);
  t.same(kinds, { ...withPrefix('RIG_MARKER_', USER_MARKERS), RIG_MARKER_SCENARIO: MARKER_SCENARIO });
});

test('the places of deliveries', async (t) => {
  t.same(numbersIn('rig_delivery.h'), {
    RIG_DELIVERY_PORT: DELIVERY_PORT,
    RIG_DELIVERY_PORTS: 8,
    RIG_DELIVERY_VENDOR: DELIVERY_WINDOW.vendor,
    RIG_DELIVERY_DEVICE: DELIVERY_WINDOW.device,
    RIG_DELIVERY_WINDOW: DELIVERY_WINDOW.lengthBytes,
    RIG_DELIVERY_BYTES_AT: DELIVERY_WINDOW.bytesAt,
    RIG_DELIVERY_BYTES_MAX: DELIVERY_BYTES_MAX,
  });
});

test('protocol of the agent', async (t) => {
  t.same(numbersIn('agent/protocol.h'), {
    PROTOCOL_VERSION: protocol.PROTOCOL_VERSION,
    START_FOLLOW: protocol.START_FOLLOW,
    START_STDIN: protocol.START_STDIN,
    START_ENDS: protocol.START_ENDS,
    KEPT_END_BYTES: protocol.KEPT_END_BYTES,
    PUT_FIRST: protocol.PUT_FIRST,
    PUT_LAST: protocol.PUT_LAST,
    ...withPrefix('REQUEST_', protocol.REQUEST),
    ...withPrefix('ANSWER_', protocol.ANSWER),
    ...withPrefix('JOB_', protocol.JOB_STATE),
  });
});

test('the guest keeps as much of an output as a report shows', async (t) => {
  // A character of UTF-16 has at most three bytes in UTF-8.
  t.ok(protocol.KEPT_END_BYTES >= (OUTPUT_CHARACTERS_MAX / 2) * 3);
});

test('limits of frames', async (t) => {
  t.same(numbersIn('agent/frame.h'), { PAYLOAD_BYTES_MAX, CHUNK_BYTES_MAX });
});
