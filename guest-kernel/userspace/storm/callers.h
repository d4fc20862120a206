/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STORM_CALLERS_H
#define STORM_CALLERS_H

#include "storm.h"

extern const struct actor caller, second_caller, victim, disturber, hibernator;
extern const struct actor freezer, remounter, mounter, mapper, looper, swapper;
extern const struct actor spinner, forker, hog, writer, networker;

#endif
