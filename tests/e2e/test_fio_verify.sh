#!/bin/bash
# SPDX-License-Identifier: MIT
# fio with data verification through the whole path: random reads, writes and
# trims of 512 B to 1 MiB by four jobs, over drivers, ABIs and limits.
#
# Wants TANDEM, TANDEM_HVD, TANDEM_BLKBACK, FIO_ENGINE (the engine's path).
. "$(dirname "$0")/../lib/common.sh"

needs fio
[ -n "${FIO_ENGINE:-}" ] && [ -e "$FIO_ENGINE" ] || {
	echo "the fio engine is not built (meson option fio_src)"
	exit 77
}

# verify NAME DISK [FIO-OPTION...]: the mix, on a disk that exists already
verify() {
	local name=$1
	shift
	checks=$((checks + 1))
	# four jobs at a time: two read and write, one trims before it writes, one
	# trims a region of its own (fio 3.33's trim_percentage asserts)
	timeout -s KILL 120 fio --ioengine=external:"$FIO_ENGINE" \
		--filename=guest0/xvda --iodepth=16 --size=12m --bsrange=512-1m \
		--bs_unaligned=0 --verify_state_save=0 --randseed=$RANDOM "$@" \
		--name=mix --numjobs=2 --offset_increment=16m --rw=randrw \
		--verify=crc32c --verify_fatal=1 \
		--name=trimwrite --offset=32m --rw=randtrimwrite \
		--verify=crc32c --verify_fatal=1 \
		--name=trim --offset=48m --rw=randtrim \
		>"$work/fio" 2>&1 || {
		fail "$name: fio says:"
		tail -n 30 "$work/fio"
	}
	is "$name: errors" "err= 0" "$(grep -o 'err= *[0-9]*' "$work/fio" | sort -u)"
}

# disk NAME SPEC [FIO-OPTION...]: attach, verify, detach
disk() {
	local name=$1 spec=$2
	shift 2
	ok tandem block-attach guest0 "vdev=xvda,backend=drv0,$spec"
	verify "$name" "$@"
	ok tandem block-detach guest0 xvda
}

hvd_start
ok tandem create guest0
ok tandem create drv0
blkback_start drv0 --workers 2

truncate -s 64M "$work/raw.img"
disk "raw, io_uring" "access=rw,target=$work/raw.img"
disk "raw, x86_32-abi" "access=rw,target=$work/raw.img" --tandem_abi=x86_32-abi
disk "raw, x86_64-abi" "access=rw,target=$work/raw.img" --tandem_abi=x86_64-abi
disk "raw, libaio" "access=rw,backendtype=aio,target=$work/raw.img"
disk "raw, no indirect, no persistent" "access=rw,target=$work/raw.img" \
	--tandem_no_indirect=1 --tandem_no_persistent=1
disk "ram, 4096-byte blocks" "access=rw,sector-size=4096,backendtype=ram,target=64M" \
	--bsrange=4k-1m
disk "ram, one thread a job and one queue" "access=rw,backendtype=ram,target=64M" \
	--tandem_queues=1
disk "throttled" "access=rw,iops=2000,backendtype=ram,target=64M" --size=1m \
	--bsrange=512-64k

# what fio wrote is in the image: one pattern through the path, read by itself
ok tandem block-attach guest0 "vdev=xvda,backend=drv0,access=rw,target=$work/raw.img"
fio --name=fill --ioengine=external:"$FIO_ENGINE" --filename=guest0/xvda --rw=write \
	--bs=256k --size=16m --iodepth=4 --buffer_pattern=0x5aa5c33c --end_fsync=1 \
	>"$work/fio" 2>&1 || fail "pattern: $(tail -n 5 "$work/fio")"
is "the image's bytes" "$(printf '\x5a\xa5\xc3\x3c%.0s' $(seq 1024) | sha256sum)" \
	"$(head -c 4096 "$work/raw.img" | sha256sum)"
ok tandem block-detach guest0 xvda

# a job has a queue of its own disk, and none of the other jobs' disks
jobs=()
for disk in a b c d; do
	ok tandem block-attach guest0 "vdev=xvd$disk,backend=drv0,access=rw,backendtype=null,target=1M"
	jobs+=(--name="$disk" --filename="guest0/xvd$disk")
done
fio --ioengine=external:"$FIO_ENGINE" --rw=randread --time_based --runtime=2 --rate_iops=100 \
	"${jobs[@]}" >"$work/fio" 2>&1 &
fio_pid=$!
all_connected() { [ "$(tandem block-list guest0 | grep -c Connected)" = 4 ]; }
wait_for 10 all_connected || fail "four disks do not connect"
matches "the disks in xenstore" 'device/vbd/51712/' "$(tandem xs ls -R /local)"
is "queues beyond one a disk" "" "$(tandem xs ls -R /local | grep queue-1)"
wait "$fio_pid" || fail "four disks: $(tail -n 5 "$work/fio")"
for disk in a b c d; do
	ok tandem block-detach guest0 "xvd$disk"
done

if "$TANDEM" image --help >/dev/null 2>&1; then
	ok tandem image convert --format zstd "$work/raw.img" "$work/z.img"
	trim_zero=1 disk "zstd with overlay" "access=rw,format=zstd,target=$work/z.img"
	# a detach that meets a frontend's end may return before the disk is closed
	wait_for 5 tandem image check "$work/z.img"
	ok tandem image check "$work/z.img"
fi
finish
