#!/bin/sh
# SPDX-License-Identifier: MIT
# Counts seconds in memory alone; `check` tells whether a count goes on.
if [ "$1" = check ]; then
	before=$(cat /run/count)
	sleep 3
	after=$(cat /run/count)
	[ "$after" -gt "$before" ] && echo "counts on from $before" || exit 1
	exit
fi
n=0
while :; do
	n=$((n + 1))
	echo $n > /run/count
	sleep 1
done
