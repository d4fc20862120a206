#!/bin/sh
# SPDX-License-Identifier: MIT
# take-slowly COMMAND [LIVE]: begins a snapshot, runs COMMAND when the devices have been found, and lets the call continue. The live timeline
# runs LIVE, and is given up if that fails. Prints what the call says, and ends with its status.
echo stall-sync > /sys/module/rig/parameters/break
snapctl take -c /dev/sdb1 --on-failure rollback sh -c "${2:-true}" > /run/said 2>&1 &
taker=$!
sleep 1
sh -c "$1" || { echo "$1: $?"; exit 99; }
echo none > /sys/module/rig/parameters/break
wait "$taker"
status=$?
cat /run/said
exit $status
