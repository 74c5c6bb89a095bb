#!/bin/bash
# SPDX-License-Identifier: MIT
# What a person or a machine gets wrong on the block path: one clear line and
# status 2, or an error to the guest; never a hang, nothing acknowledged lost.
#
# Wants TANDEM, TANDEM_HVD, TANDEM_BLKBACK, FIO_ENGINE (the engine's path).

# a mount namespace of its own, for the small file system
if [ -z "${IN_NAMESPACE:-}" ]; then
	export IN_NAMESPACE=1
	if [ "$(id -u)" = 0 ]; then
		exec unshare -m "$0" "$@"
	elif unshare -Urm true 2>/dev/null; then
		exec unshare -Urm "$0" "$@"
	fi
	echo "no mount namespace for us"
	exit 77
fi
. "$(dirname "$0")/../lib/common.sh"

# fio_run OPTION...: at most 30 s; its status
fio_run() {
	timeout -s KILL 30 fio --ioengine=external:"$FIO_ENGINE" --filename=guest0/xvda \
		--name=x "$@" >"$work/fio" 2>"$work/fio.err"
}

# attach_bad PATTERN SPEC: refused with one line, nothing left
attach_bad() { bad "$1" tandem block-attach guest0 "backend=drv0,vdev=xvda,$2"; }

# nothing there at all
bad 'hv.sock' tandem list
bad 'hv.sock' "$TANDEM_BLKBACK" --domain drv0
fio_run --rw=read --size=4k && fail "fio without a hypervisor succeeds"
grep -q "tandem:.*hv.sock" "$work/fio.err" || fail "fio says: $(cat "$work/fio.err")"

hvd_start
bad 'another' "$TANDEM_HVD" --dir "$TANDEM_DIR"
ok tandem create guest0
ok tandem create drv0
bad "nosuch" "$TANDEM_BLKBACK" --domain nosuch
blkback_start drv0
fio_run --rw=read --size=4k && fail "fio without a disk succeeds"
grep -q "tandem:.*has no disk xvda" "$work/fio.err" || fail "fio says: $(cat "$work/fio.err")"

# images
attach_bad 'No such file' "target=$work/nosuch.img"
attach_bad 'unknown key' "wrong=1,target=$work/raw.img"
attach_bad 'Is a directory' "target=$work"
: >"$work/empty.img"
attach_bad 'empty' "target=$work/empty.img"
attach_bad 'multiple of 4096' "backendtype=ram,target=1000"
head -c 4M /dev/urandom >"$work/raw.img"
ok tandem image convert --format zstd "$work/raw.img" "$work/good.zst"
head -c 100000 "$work/good.zst" >"$work/short.zst"
attach_bad 'truncated' "format=zstd,target=$work/short.zst"
attach_bad 'not a zstd' "format=zstd,target=$work/raw.img"

# a damaged frame: that read fails, the others do not
cp "$work/good.zst" "$work/bad.zst"
printf 'XXXXXXXX' | dd of="$work/bad.zst" bs=1 seek=20000 conv=notrunc 2>/dev/null
ok tandem block-attach guest0 "backend=drv0,vdev=xvda,access=r,format=zstd,target=$work/bad.zst"
fio_run --rw=read --bs=64k --size=4m --readonly && fail "a damaged frame reads well"
grep -q 'Input/output error' "$work/fio" "$work/fio.err" || fail "fio: $(cat "$work/fio")"
fio_run --rw=read --bs=64k --offset=2m --size=1m --readonly || fail "good frames fail"
ok tandem block-detach guest0 xvda

# a full disk: an error to the guest, and what was acknowledged is there
mkdir "$work/small"
mount -t tmpfs -o size=8m none "$work/small"
truncate -s 32M "$work/small/raw.img"
ok tandem block-attach guest0 "backend=drv0,vdev=xvda,target=$work/small/raw.img"
fio_run --rw=write --bs=64k --size=4m --verify=crc32c --do_verify=0 --end_fsync=1 ||
	fail "4 of 8 MiB do not fit: $(cat "$work/fio")"
fio_run --rw=write --bs=64k --offset=4m --size=16m && fail "20 MiB fit into 8"
grep -qE 'Input/output error|No space' "$work/fio" "$work/fio.err" || fail "fio: $(cat "$work/fio")"
fio_run --rw=read --bs=64k --size=4m --verify=crc32c --verify_only=1 ||
	fail "what was acknowledged is lost: $(cat "$work/fio")"
ok tandem block-detach guest0 xvda
umount "$work/small"

# a second user of the disk, and of the image
ok tandem block-attach guest0 "backend=drv0,vdev=xvda,target=$work/raw.img"
attach_bad 'already' "target=$work/raw.img"
bad 'in use' tandem block-attach guest0 "backend=drv0,vdev=xvdb,target=$work/raw.img"
fio --ioengine=external:"$FIO_ENGINE" --filename=guest0/xvda --name=x --rw=randrw --bs=4k \
	--iodepth=16 --time_based=1 --runtime=60 >"$work/long" 2>"$work/long.err" &
fio_pid=$!
pids+=("$fio_pid")
connected() { tandem block-list guest0 | grep -q Connected; }
wait_for 10 connected || fail "fio does not connect"
fio_run --rw=read --size=4k && fail "the disk is open twice"
grep -q 'in use\|open' "$work/fio.err" || fail "fio says: $(cat "$work/fio.err")"

# the hypervisor is killed under all of it
kill -9 "$hvd_pid"
wait "$hvd_pid" 2>/dev/null
ended() { ! kill -0 "$1" 2>/dev/null; }
wait_for 10 ended "$fio_pid" || fail "fio hangs without its hypervisor"
wait "$fio_pid" && fail "fio succeeds without its hypervisor"
wait_for 10 ended "$blkback_pid" || fail "blkback hangs without its hypervisor"
wait "$blkback_pid"
is "blkback's status without its hypervisor" 2 $?
bad 'hv.sock' tandem list
finish
