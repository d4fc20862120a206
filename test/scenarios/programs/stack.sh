#!/bin/sh
# SPDX-License-Identifier: MIT
# Stacks of filesystems and devices, from partitions of the disk of the recipe `layers`.
# stack make NAME LAYER... PARTITION: makes a stack, the layers from top to bottom, and mounts its filesystems.
# stack load NAME: has a program write to its uppermost filesystem all the time. stack check NAME: that program writes on,
# and has seen no error. stack live NAME: overwrites what is in all its filesystems. stack end NAME: the writer stops, and
# each layer is taken down; each filesystem is clean by its own tool.
# stack hold NAME, stack release NAME: the layer `held`, or else the uppermost filesystem, takes no writes, and takes them again.
# The writer rests meanwhile.
#
# LAYER:PARTITION is a layer that needs a second device. Those with `moved` and `added` are made and mounted first; then what
# is below them is made and mounted, and the upper part moves there, or is extended by it.
set -e
export DM_DISABLE_UDEV=1
run=/run/stacks
sectors() { blockdev --getsz "$1"; }
# One line for each layer that is made, the uppermost last.
made() { echo "$*" >> "$run/$name/made"; }
# Names of devices and folders are those of the stack and of the layer's place in it.
place() { cat "$run/$name/made" "$run/$name/upper" 2> /dev/null | wc -l; }

# mapped TABLE: a device of device-mapper in `device`.
mapped() {
    local one=$name-$(place)
    dmsetup create "$one" --table "$1"
    device=/dev/mapper/$one
    made map "$one"
}

# map KIND SPARE: a device over `device`.
map() {
    local below=$device size=$(($(sectors "$device") - 16)) other=/dev/$2 inner
    case $1 in
    # Not at the begin, so that nobody takes one of the devices below for the filesystem.
    linear | held | reloaded) mapped "0 $size linear $below 16" ;;
    striped) mapped "0 $((size / 256 * 256)) striped 2 128 $below 16 $other 16" ;;
    crypt) mapped "0 $size crypt aes-xts-plain64 $(printf '5a%.0s' $(seq 31))$(printf 'a5%.0s' $(seq 33)) 0 $below 16" ;;
    delay) mapped "0 $size delay $below 16 5 $below 16 10" ;;
    flakey) mapped "0 $size flakey $below 16 60 0" ;;
    dust) mapped "0 $size dust $below 16 512" ;;
    # These have no place for a number of a sector.
    log-writes | snapshot | cache)
        mapped "0 $size linear $below 16"
        below=$device
        ;;
    esac
    case $1 in
    log-writes) mapped "0 $size log-writes $below $other" ;;
    snapshot) mapped "0 $size snapshot $below $other P 8" ;;
    thin)
        dd if=/dev/zero of="$other" bs=4k count=1 2> /dev/null
        mapped "0 $(sectors "$below") thin-pool $other $below 128 8"
        dmsetup message "$device" 0 'create_thin 0'
        mapped "0 $size thin $device 0"
        ;;
    cache)
        dd if=/dev/zero of="$other" bs=4k count=1 2> /dev/null
        mapped "0 8192 linear $other 0"
        inner=$device
        mapped "0 16384 linear $other 8192"
        mapped "0 $size cache $inner $device $below 128 1 writethrough default 0"
        ;;
    integrity)
        dd if=/dev/zero of="$below" bs=4k count=1 2> /dev/null
        # It says how many sectors it provides in the superblock that it writes.
        dmsetup create "$name"-new --table "0 8 integrity $below 0 4 J 1 internal_hash:crc32c"
        dmsetup remove "$name"-new
        size=$(od -A n -t u8 -j 16 -N 8 "$below" | tr -d ' ')
        mapped "0 $size integrity $below 0 4 J 1 internal_hash:crc32c"
        # Its checksums are valid from the first write on.
        dd if=/dev/zero of="$device" bs=1M oflag=direct 2> /dev/null || true
        ;;
    esac
    case $1 in held) echo "$device" > "$run/$name/held" ;; esac
    case $1 in reloaded) echo "$device $below" >> "$run/$name/reloaded" ;; esac
}

# mount_on FILESYSTEM: one over `device`. The folder is in `folder`.
mount_on() {
    folder=/mnt/$name-$(place)
    mkdir -p "$folder"
    case $1 in
    overlay)
        mkdir -p "$below_folder/lower" "$below_folder/upper" "$below_folder/work"
        mount -t overlay -o "lowerdir=$below_folder/lower,upperdir=$below_folder/upper,workdir=$below_folder/work" overlay "$folder"
        made mount "$folder" overlay none
        return
        ;;
    ext4) mke2fs -q -F -t ext4 "$device" ;;
    xfs) mkfs.xfs --unsupported -q -f "$device" ;;
    btrfs) mkfs.btrfs -q -f --mixed "$device" ;;
    f2fs) mkfs.f2fs -q -f "$device" > /dev/null ;;
    vfat) mkfs.vfat "$device" > /dev/null ;;
    esac
    mount -t "$1" "$device" "$folder"
    made mount "$folder" "$1" "$device"
    below_folder=$folder
}

# loop: a loop device over a file of the filesystem in `folder`.
loop() {
    local free=$(df --output=avail -B 1M "$folder" | tail -1)
    # Room for what the filesystem itself needs, and the writers.
    truncate -s $((free * 4 / 5))M "$folder/disk"
    device=$(losetup --show -f "$folder/disk")
    made loop "$device"
}

# build LAYER... PARTITION
build() {
    local layer=$1 kind=${1%%:*} spare=${1#*:} upper
    if [ $# -eq 1 ]; then
        device=/dev/$1
        return
    fi
    shift
    build "$@"
    case $kind in
    loop) loop ;;
    ext4 | xfs | btrfs | f2fs | vfat | overlay) mount_on "$kind" ;;
    mirror)
        number=$(ls -d /sys/block/md* 2> /dev/null | wc -l)
        md-mirror "md$number" "$device" "/dev/$spare"
        device=/dev/md$number
        ;;
    bcache)
        make-bcache cache "/dev/$spare"
        make-bcache backing "$device"
        echo "/dev/$spare" > /sys/fs/bcache/register
        echo "$device" > /sys/fs/bcache/register
        device=/dev/$(basename "$(readlink -f "/sys/class/block/$(basename "$(readlink -f "$device")")/bcache/dev")")
        ;;
    *) map "$kind" "$spare" ;;
    esac
}

# How the upper part of a stack comes to the lower one, which is younger.
join() {
    local upper=$1 folder_above=$2 size=$3 spare=$4
    case $5 in
    moved)
        dmsetup suspend "$upper"
        dd if="$spare" of="$device" bs=1M skip=1 seek=1 count=$((size / 2048)) conv=fsync 2> /dev/null
        dmsetup reload "$upper" --table "0 $size linear $device 2048"
        dmsetup resume "$upper"
        ;;
    added) btrfs device add -f "$device" "$folder_above" > /dev/null ;;
    esac
}

make() {
    local upper='' layer how='' spare size
    mkdir -p "$run/$name"
    : > "$run/$name/made"
    for layer; do
        case $layer in
        moved:* | added:*)
            how=${layer%:*}
            spare=/dev/${layer#*:}
            break
            ;;
        esac
        upper="$upper $layer"
        shift
    done
    if [ -z "$how" ]; then
        set -- $upper
        build "$@"
        top=$folder
    else
        shift
        # Smaller than what it moves to.
        size=$((36 * 2048))
        device=$spare
        dmsetup create "$name-joined" --table "0 $size linear $spare 2048"
        made map "$name-joined"
        build $upper "mapper/$name-joined"
        top=$folder
        mv "$run/$name/made" "$run/$name/upper"
        : > "$run/$name/made"
        build "$@"
        join "$name-joined" "$top" "$size" "$spare" "$how"
        # It is the upper part that is taken down first.
        cat "$run/$name/upper" >> "$run/$name/made"
        rm "$run/$name/upper"
    fi
    echo "$top" > "$run/$name/top"
    if [ -e "$run/$name/reloaded" ]; then
        while read -r upper below; do
            dmsetup suspend "$upper"
            dmsetup reload "$upper" --table "0 $(sectors "$upper") linear $below 16"
            dmsetup resume "$upper"
        done < "$run/$name/reloaded"
    fi
}

top() { cat "$run/$name/top"; }
writer() { cat "$run/$name/writer"; }
alive() { kill -0 "$(writer)" 2> /dev/null; }
rounds() { cat "$(top)/load/rounds"; }
failed() {
    echo "$name: the writer has ended: $(cat "$run/$name/said")"
    exit 1
}

load() {
    mkdir -p "$(top)/load"
    rm -f "$(top)/load/rounds"
    setsid fs-load "$(top)/load" > "$run/$name/said" 2>&1 < /dev/null &
    echo $! > "$run/$name/writer"
    until [ -s "$(top)/load/rounds" ]; do alive || failed; sleep 0.1; done
}

check() {
    local before=$(rounds)
    until [ "$(rounds)" != "$before" ]; do alive || failed; sleep 0.05; done
}

live() {
    local what folder rest
    while read -r what folder rest; do
        case $what in mount) yes live | dd of="$folder/live" bs=64k count=8 iflag=fullblock conv=fsync 2> /dev/null ;; esac
    done < "$run/$name/made"
}

unload() {
    kill "$(writer)"
    while alive; do sleep 0.05; done
    [ ! -s "$run/$name/said" ] || failed
}

hold() {
    unload
    sync -f "$(top)"
    if [ -e "$run/$name/held" ]; then dmsetup suspend "$(cat "$run/$name/held")"; else fsfreeze -f "$(top)"; fi
}

release() {
    if [ -e "$run/$name/held" ]; then dmsetup resume "$(cat "$run/$name/held")"; else fsfreeze -u "$(top)"; fi
    load
}

# clean FILESYSTEM DEVICE
clean() {
    case $1 in
    overlay) true ;;
    ext4) e2fsck -fn "$2" ;;
    xfs) xfs_repair -n "$2" ;;
    btrfs) btrfs check --readonly "$2" ;;
    f2fs) fsck.f2fs --dry-run "$2" ;;
    vfat) fsck.vfat -n "$2" ;;
    esac > "$run/$name/fsck" 2>&1 || {
        echo "$name: $1 on $2 is not clean:"
        cat "$run/$name/fsck"
        exit 1
    }
}

end() {
    local what one kind device
    unload
    tac "$run/$name/made" > "$run/$name/taken"
    while read -r what one kind device; do
        case $what in
        mount) umount "$one" && clean "$kind" "$device" ;;
        loop) losetup -d "$one" ;;
        map) dmsetup remove "$one" ;;
        esac
    done < "$run/$name/taken"
}

what=$1
name=$2
shift 2
"$what" "$@"
