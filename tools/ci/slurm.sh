#!/bin/sh
# SPDX-License-Identifier: MIT
# A job array with a shard in each task, and the report when all have ended:
#
#     export SNAPBACK=~/snapback PATCHES=~/patches RESULTS=~/results
#     job=$(sbatch --parsable --array=1-8 tools/ci/slurm.sh)
#     sbatch --dependency="afterany:$job" --wrap='node "$SNAPBACK/tools/snapback.mjs" merge "$RESULTS" --json report.json'
#
# A shard that is missing then: SHARDS=8 sbatch --array=3 tools/ci/slurm.sh
#
#SBATCH --job-name=snapback
#SBATCH --cpus-per-task=1
#SBATCH --mem=3G
#SBATCH --requeue
TRIES_MAX=3

node "$SNAPBACK/tools/snapback.mjs" validate --patches "$PATCHES" --matrix "${MATRIX:-quick}" \
  --shard "$SLURM_ARRAY_TASK_ID/${SHARDS:-$SLURM_ARRAY_TASK_MAX}" --results "$RESULTS" --jobs "${SLURM_CPUS_PER_TASK:-1}"
status=$?
# 3: Snapback could not do its work. From 128 on: it was killed. Results that are there are not made again.
if [ "$status" -eq 3 ] || [ "$status" -ge 128 ]; then
  [ "${SLURM_RESTART_COUNT:-0}" -ge "$TRIES_MAX" ] || scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit "$status"
