#!/bin/sh
# SPDX-License-Identifier: MIT
# slow-fuse FOLDER: what an ordinary user can do in namespaces of his own: a FUSE filesystem, mounted read-only, and a program that reads
# from it while its server is stopped. FOLDER/server then says which process that is. FOLDER/read gets what has been read when the server
# goes on. It ends when FOLDER/end is there.
set -e
folder=$1
mkdir -p "$folder/mnt"
fusefs "$folder/mnt" &
server=$!
until grep -q " $folder/mnt " /proc/mounts; do sleep 0.1; done
echo precious > "$folder/mnt/file"
mount -o remount,ro "$folder/mnt"
if (echo more > "$folder/mnt/more") 2> /dev/null; then exit 1; fi
kill -STOP $server
sh -c 'read -r line < "$0/mnt/file"; echo "$line" > "$0/read"' "$folder" &
sleep 0.5
echo $server > "$folder/server"
until [ -e "$folder/end" ]; do sleep 0.1; done
umount "$folder/mnt"
wait
