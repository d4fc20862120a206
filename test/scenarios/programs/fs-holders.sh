#!/bin/sh
# SPDX-License-Identifier: MIT
# fs-holders.sh start NAME...: programs that hold files open for writing: one of a FUSE filesystem (fuse), one of a 9p share
# (9p), and block devices of mounted filesystems (ext4, stacked). fs-holders.sh write NAME: has one of them write through what it
# holds; the status and the message are its. fs-holders.sh end NAME: it lets go.
set -e
hold() {
    mkfifo /run/fs/ask-"$1" /run/fs/answer-"$1"
    setsid sh -c '
        exec 7<> /run/fs/ask-"$1" 8<> "$2"
        while read -r word <&7; do
            if [ "$word" = end ]; then exec 8>&-
            else printf %512s "$word" | dd bs=512 conv=notrunc,fsync status=none 2>&1 >&8
            fi
            echo "status $?"
        done 1<> /run/fs/answer-"$1"' hold "$1" "$2" < /dev/null > /dev/null 2>&1 &
}
case $1 in
start)
    mkdir -p /run/fs
    shift
    for name; do
        case $name in
        fuse)
            mkdir -p /mnt/fuse
            setsid fusefs /mnt/fuse > /run/fs/fusefs 2>&1 < /dev/null &
            until grep -q ' /mnt/fuse ' /proc/mounts; do sleep 0.05; done
            ;;
        9p) mkdir -p /mnt/9p && mount -t 9p -o trans=virtio host9p /mnt/9p ;;
        # The first sectors of an ext4 are not used by it.
        ext4) hold ext4 /dev/sdb4 ;;
        stacked) hold stacked /dev/mapper/upper ;;
        esac
        case $name in
        fuse | 9p)
            echo one > /mnt/"$name"/one
            touch /mnt/"$name"/held
            hold "$name" /mnt/"$name"/held
            ;;
        esac
    done
    ;;
write | end)
    word=word
    [ "$1" = write ] || word=end
    echo "$word" > /run/fs/ask-"$2"
    while read -r line < /run/fs/answer-"$2"; do
        case $line in
        status*) exit "${line#status }" ;;
        *) echo "$line" ;;
        esac
    done
    ;;
esac
