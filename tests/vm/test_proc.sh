#!/bin/bash
# SPDX-License-Identifier: MIT
# Process domains where the guests run: a hypervisor, blkback on an image, and fio
# with data verification through it. timeout: 120 s
. "$(dirname "$0")/../lib/common.sh"

command -v fio >/dev/null && [ -n "${FIO_ENGINE:-}" ] || {
	echo "fio or its engine is not there"
	exit 77
}

hvd_start
ok tandem create guest0
ok tandem create drv0
blkback_start drv0 --workers 1
truncate -s 32M "$work/raw.img"
ok tandem block-attach guest0 "vdev=xvda,backend=drv0,access=rw,target=$work/raw.img"

timeout -s KILL 90 fio --name=mix --ioengine=external:"$FIO_ENGINE" --filename=guest0/xvda \
	--iodepth=8 --size=16m --bsrange=512-256k --rw=randrw --verify=crc32c --verify_fatal=1 \
	--verify_state_save=0 >"$work/fio" 2>&1 || fail "fio: $(tail -n 20 "$work/fio")"
is "fio's errors" "err= 0" "$(grep -o 'err= *[0-9]*' "$work/fio" | sort -u)"
grep -E 'READ:|WRITE:' "$work/fio"

# what a frontend writes is in the image, and what is in the image a frontend reads
fio --name=fill --ioengine=external:"$FIO_ENGINE" --filename=guest0/xvda --rw=write --bs=64k \
	--size=4m --buffer_pattern=0x5aa5c33c --end_fsync=1 >"$work/fio" 2>&1 ||
	fail "pattern: $(tail -n 5 "$work/fio")"
is "the image's bytes" "$(printf '\x5a\xa5\xc3\x3c%.0s' $(seq 1024) | sha256sum)" \
	"$(head -c 4096 "$work/raw.img" | sha256sum)"
ok tandem block-detach guest0 xvda
finish
