/* SPDX-License-Identifier: GPL-2.0-only */
/* Who is killed last when memory runs out. */
#ifndef SNAPCTL_OOM_H
#define SNAPCTL_OOM_H

/* For what saves an image and is to be killed after all others, and for what is never to be killed. */
#define OOM_LAST (-999)
#define OOM_NEVER (-1000)

/* Sets the score of this process and of all that it starts. 0, or -1 and errno; only root may lower it. */
int oom_set_score(int score);

#endif
