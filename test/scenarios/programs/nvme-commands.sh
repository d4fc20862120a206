#!/bin/sh
# SPDX-License-Identifier: MIT
# nvme-commands pass BLOCK | refused BLOCK: sends the second disk NVMe commands past the block layer, by each way that there is.
#
# pass: nothing is guarded. Reading commands and writes succeed, and what was written is at BLOCK and after it.
# refused: a snapshot guards something. Whatever could change the disk is refused, and what only reads is not.
set -u
disk=$(basename "$(readlink -f /dev/sdb)")
controller=/dev/${disk%n1}
generic=/dev/ng${disk#nvme}
failed=0

# expect TEXT DEVICE WAY COMMAND [BLOCK]
expect() {
  wanted=$1
  shift
  answer=$(raw-nvme "$@")
  case $answer in
  *": $wanted") ;;
  *)
    echo "$answer, expected: $wanted"
    failed=$((failed + 1))
    ;;
  esac
}

reads() {
  for device in "/dev/$disk" "$generic"; do
    expect done "$device" submit read 0
    for way in io io64 vector; do
      expect done "$device" $way read 0
      expect done "$device" $way flush
    done
    expect done "$device" admin identify
  done
  for way in uring uring-vector; do expect done "$generic" $way read 0; done
  expect done "$controller" io read 0
  for way in admin admin64 uring-admin uring-admin-vector; do expect done "$controller" $way identify; done
}

case $1 in
pass)
  block=$2
  reads
  for device in "/dev/$disk" "$generic"; do
    for way in submit io io64 vector; do
      expect done "$device" $way write "$block"
      block=$((block + 8))
    done
  done
  for way in uring uring-vector; do
    expect done "$generic" $way write "$block"
    block=$((block + 8))
  done
  expect done "$controller" io write "$block"
  block=$((block + 8))
  blocks=$((block - $2))
  others=$(dd if=/dev/sdb bs=512 skip="$2" count=$blocks iflag=direct 2>/dev/null | tr -d U | wc -c)
  [ "$others" = 0 ] || {
    echo "$others bytes were not written"
    failed=$((failed + 1))
  }
  ;;
refused)
  refused='Operation not permitted'
  reads
  for device in "/dev/$disk" "/dev/${disk}p4" "$generic"; do
    expect "$refused" "$device" submit write "$2"
    for way in io io64 vector; do
      for command in write zero spoil discard; do expect "$refused" "$device" $way $command "$2"; done
    done
    for way in admin admin64; do
      for command in format sanitize feature security; do expect "$refused" "$device" $way $command; done
    done
  done
  for way in uring uring-vector; do
    for command in write zero spoil discard; do expect "$refused" "$generic" $way $command "$2"; done
  done
  for command in write zero spoil discard; do expect "$refused" "$controller" io $command "$2"; done
  for way in admin admin64 uring-admin uring-admin-vector; do
    for command in format sanitize feature security; do expect "$refused" "$controller" $way $command; done
  done
  ;;
esac
echo "failed: $failed"
[ $failed = 0 ]
