#!/bin/sh
# SPDX-License-Identifier: MIT
# Blocks of memory that can be taken away. movable-memory try: tries each of them once, and prints how many there are, and how many are
# gone. movable-memory forever: takes them away in turn and brings each back at once; /run/taken gets a line for each that was gone.
# movable-memory back: brings back what is gone.
folder=/sys/devices/system/memory
movable() { for zones in $folder/memory*/valid_zones; do grep -q Movable "$zones" && echo "${zones%/*}"; done; }
is_gone() { grep -q offline "$1/state"; }
# A second is enough, unless it is in use. The kernel itself would try forever.
take() { timeout -s INT 1 sh -c "echo offline > $1/state" 2> /dev/null; is_gone "$1"; }
case $1 in
try)
    all=0 gone=0
    for block in $(movable); do
        all=$((all + 1))
        take "$block" && gone=$((gone + 1))
    done
    echo "$all blocks, $gone gone"
    ;;
forever)
    blocks=$(movable)
    : > /run/taken
    while :; do
        for block in $blocks; do
            take "$block" && echo "$block" >> /run/taken && echo online_movable > "$block/state"
            sleep 0.02
        done
    done
    ;;
back) for block in $folder/memory*; do if is_gone "$block"; then echo online_movable > "$block/state"; fi; done ;;
esac
