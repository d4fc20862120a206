#!/bin/sh
# SPDX-License-Identifier: MIT
# A filesystem of a server on the network, and its server in this guest, too: the kernel's own, by the loopback interface.
# net-mounts.sh serve nfs|smb: has it share /srv/nfs or /srv/smb. net-mounts.sh mount nfs|smb: mounts that on /mnt/nfs or
# /mnt/smb. net-mounts.sh write nfs|smb: writes a file there, through to the server's disk.
set -e
serve_nfs() {
    grep -q ' /proc/fs/nfsd ' /proc/mounts || mount -t nfsd nfsd /proc/fs/nfsd
    # What mountd would answer when the server asks: who the client is, what it may have, and where that is.
    forever=2147483647
    echo "nfsd 127.0.0.1 $forever guest" > /proc/net/rpc/auth.unix.ip/channel
    # Insecure ports, no subtree check, root stays root; fsid 0 is the root of all exports.
    echo "guest /srv/nfs $forever $((0x2 | 0x400 | 0x2000)) 65534 65534 0" > /proc/net/rpc/nfsd.export/channel
    printf '%s\n' "guest 1 \\x00000000 $forever /srv/nfs" > /proc/net/rpc/nfsd.fh/channel
    # Version 3 would want to tell rpcbind.
    echo -3 > /proc/fs/nfsd/versions
    # How long it waits for clients from before a reboot, in seconds: there are none.
    echo 10 > /proc/fs/nfsd/nfsv4gracetime
    echo 10 > /proc/fs/nfsd/nfsv4leasetime
    echo 2 > /proc/fs/nfsd/threads
}
serve_smb() {
    setsid smb-serve /srv/smb > /run/smb-serve 2>&1 < /dev/null &
    until grep -q serving /run/smb-serve; do sleep 0.05; done
}
mount_nfs() { mount -i -t nfs4 -o vers=4.2,addr=127.0.0.1,clientaddr=127.0.0.1 127.0.0.1:/ /mnt/nfs; }
mount_smb() { mount -i -t cifs -o ip=127.0.0.1,username=root,password=snapback,vers=3.1.1 //127.0.0.1/share /mnt/smb; }
case $1 in
serve) mkdir -p /srv/"$2" && serve_"$2" ;;
mount) mkdir -p /mnt/"$2" && mount_"$2" ;;
write) date +%s%N > /mnt/"$2"/written && sync && cmp /mnt/"$2"/written /srv/"$2"/written ;;
esac
