#!/bin/bash
# SPDX-License-Identifier: MIT
# The NBD export under programs that know nothing of tandem: qemu-img copies and
# compares, mkfs.ext4, debugfs and e2fsck work on it through nbdfuse, and the image
# holds byte for byte what they wrote.
#
# Wants TANDEM, TANDEM_HVD, TANDEM_BLKBACK.
. "$(dirname "$0")/../lib/common.sh"

PATH=$PATH:/sbin:/usr/sbin
needs nbdkit nbdinfo nbdfuse qemu-img mkfs.ext4 fusermount3
[ -w /dev/fuse ] || {
	echo "/dev/fuse is not for us"
	exit 77
}
uri="nbd+unix:///?socket=$work/nbd.sock"
mnt=$work/mnt

hvd_start
ok tandem create guest0
ok tandem create drv0
blkback_start drv0

# export_disk SPEC: attaches it as xvda and serves it
export_disk() {
	ok tandem block-attach guest0 "vdev=xvda,backend=drv0,$1"
	background "$TANDEM" export --nbd "$work/nbd.sock" guest0/xvda
	export_pid=$bg
	wait_for 10 nbdinfo --size "$uri" || fail "the export does not answer"
}

end_export() {
	end_pid "$export_pid"
	rm -f "$work/nbd.sock"
	ok tandem block-detach guest0 xvda
}

truncate -s 64M "$work/disk.img"
export_disk "access=rw,target=$work/disk.img"
is "size" 67108864 "$(nbdinfo --size "$uri")"

# a whole image in and back
head -c 40M /dev/urandom >"$work/src.img"
truncate -s 64M "$work/src.img"
ok qemu-img convert -n -f raw -O raw "$work/src.img" "$uri"
ok qemu-img compare -f raw -F raw "$work/src.img" "$uri"

# a file system
mkdir "$mnt"
background nbdfuse "$mnt/disk" "$uri"
fuse_pid=$bg
wait_for 10 test -s "$mnt/disk" || fail "nbdfuse shows no disk"
ok mkfs.ext4 -q -F "$mnt/disk"
head -c 5000000 /dev/urandom >"$work/file"
printf 'mkdir d\nwrite %s d/file\n' "$work/file" >"$work/script"
debugfs -w -f "$work/script" "$mnt/disk" >"$work/out" 2>&1 || fail "debugfs: $(cat "$work/out")"
e2fsck -fn "$mnt/disk" >"$work/out" 2>&1 || fail "e2fsck: $(cat "$work/out")"
debugfs -R "dump d/file $work/back" "$mnt/disk" >"$work/out" 2>&1
is "the file's bytes" "$(sha256sum <"$work/file")" "$(sha256sum <"$work/back")"
sync -f "$mnt/disk" 2>/dev/null
qemu-img convert -f raw -O raw "$uri" "$work/copy.img"
fusermount3 -u "$mnt"
wait "$fuse_pid" 2>/dev/null
end_export

# what the export showed is what the image file holds
cmp "$work/copy.img" "$work/disk.img" || fail "the image differs from what was read"
checks=$((checks + 1))
e2fsck -fn "$work/disk.img" >"$work/out" 2>&1 || fail "e2fsck, image: $(cat "$work/out")"

# logical blocks of 4096 bytes, unaligned clients, and a read-only disk
export_disk "access=rw,sector-size=4096,backendtype=ram,target=16M"
ok qemu-img convert -n -f raw -O raw "$work/file" "$uri"
ok qemu-img compare -f raw -F raw "$work/file" "$uri"
end_export
export_disk "access=r,target=$work/disk.img"
is "read-only" true "$(nbdinfo --json "$uri" | jq '.exports[0].is_read_only')"
end_export

bad "nosuch" tandem export --nbd "$work/nbd.sock" nosuch/xvda
bad "xvdz" tandem export --nbd "$work/nbd.sock" guest0/xvdz
finish
