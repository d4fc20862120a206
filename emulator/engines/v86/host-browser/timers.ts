// SPDX-License-Identifier: MIT
/** The timers of a browser. */
import type { Timers } from '../watchdog.js';

export const browserTimers: Timers = {
  every(ms, act) {
    const timer = setInterval(act, ms);
    return () => clearInterval(timer);
  },
  after(ms, act) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
};
