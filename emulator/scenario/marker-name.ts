// SPDX-License-Identifier: MIT
/** Markers by name, as scenario files write them: `copy:begin`, `agentReady`, `scenario:3`. */
import {
  KERNEL_STEPS,
  MARKER_SCENARIO,
  stepBegin,
  stepEnd,
  USER_MARKERS,
  type KernelStep,
  type UserMarker,
} from '../machine/markers.js';
import { nearest, scalar, type Shape } from '../yaml/index.js';

/** The kind of the marker named `name`; undefined when there is none. The inverse of `markerName`. */
export function markerKind(name: string): number | undefined {
  if (Object.hasOwn(USER_MARKERS, name)) return USER_MARKERS[name as UserMarker];
  const [, step, edge] = /^(\w+):(\w+)$/.exec(name) ?? [];
  if (step === undefined || edge === undefined) return undefined;
  if (step === 'scenario' && /^\d{1,3}$/.test(edge)) return MARKER_SCENARIO + Number(edge);
  if (!Object.hasOwn(KERNEL_STEPS, step)) return undefined;
  if (edge === 'begin') return stepBegin(step as KernelStep);
  return edge === 'end' ? stepEnd(step as KernelStep) : undefined;
}

/** All names but those of `scenario:N`. */
export function markerNames(): readonly string[] {
  return [
    ...Object.keys(USER_MARKERS),
    ...Object.keys(KERNEL_STEPS).flatMap((step) => [`${step}:begin`, `${step}:end`]),
  ];
}

export function marker(): Shape<number> {
  const wants = "a marker such as 'copy:begin', 'agentReady' or 'scenario:1'";
  return {
    wants,
    read: (value, at) => {
      const kind = typeof value === 'string' ? markerKind(value) : undefined;
      if (kind !== undefined) return kind;
      const like = typeof value === 'string' ? nearest(value, markerNames()) : undefined;
      return scalar<number>(like === undefined ? wants : `${wants} (did you mean '${like}'?)`, () => undefined, 0).read(
        value,
        at,
      );
    },
  };
}
