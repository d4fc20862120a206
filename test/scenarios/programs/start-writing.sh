#!/bin/sh
# SPDX-License-Identifier: MIT
# start-writing.sh TARGET: begins to write to a file what a page of a FUSE filesystem contains, and its server does not answer.
set -e
rm -f /run/go && mkfifo /run/go
write-mapped /mnt/fuse/page "$1" < /run/go > /run/writer 2>&1 &
exec 9> /run/go
sleep 0.5
kill -STOP "$(pidof fusefs)"
echo go >&9
sleep 0.5
grep writing /run/writer
