#!/bin/bash
# SPDX-License-Identifier: MIT
# Driver domains that are VMs: a Linux guest serves disks by its own xen-blkback, to
# another Linux guest and to fio in a process domain; and dies. timeout: 400 s
. "$(dirname "$0")/driver.sh"

needs fio
[ -n "${FIO_ENGINE:-}" ] || {
	echo "fio's engine is not built"
	exit 77
}

# left PATH: what is still below it
left() { tandem xs ls -R "$1" 2>/dev/null; }

hvd_start
ok tandem create store
ok tandem create proc0
blkback_start store --allow "$work" --workers 1 2>/dev/null
truncate -s 48M "$work/a" "$work/b"
driver_vm drv0 "disk=['backend=store,vdev=xvda,target=$work/a',
	'backend=store,vdev=xvdb,target=$work/b']" <<-'EOF'
	truncate -s 8M /run/file
EOF

# another guest: what it writes, it reads, and is in the image of the driver domain's disk
guest_archive 6.12 "$work/guest.cpio" <<-'EOF'
	#!/bin/sh
	i=0
	until [ -b /dev/xvdc ] || [ $i = 300 ]; do sleep 0.1; i=$((i+1)); done
	dd if=/dev/urandom of=/tmp/data bs=64k count=128 || exit 3
	dd if=/tmp/data of=/dev/xvdc bs=64k oflag=direct || exit 4
	dd if=/dev/xvdc of=/tmp/back bs=16k count=512 iflag=direct || exit 5
	cmp /tmp/data /tmp/back || exit 6
	echo "SUM=$(sha256sum </tmp/back)"
	mke2fs -F /dev/xvdd >/dev/null && mount -t ext4 /dev/xvdd /mnt || exit 7
	head -c 4194304 /tmp/data >/mnt/data && umount /mnt || exit 8
EOF
vm guest0 6.12 "$work/guest.cpio" quiet "memory=320" "disk=['backend=drv0,vdev=xvdc,target=/dev/xvda',
	'backend=drv0,vdev=xvdd,target=/run/file']"
must "the guest ends" wait_for 90 ended guest0
is "the guest's status" 0 "$(guest_status "$(console guest0)")"
matches "what it wrote is in the image below" "$(head -c 8388608 "$work/a" | sha256sum)" \
	"$(grep -a SUM= "$(console guest0)")"
is "the guest's disks are gone" "" "$(left /local/domain/3/backend)"

# fio in a process domain
ok tandem block-attach proc0 "vdev=xvda,backend=drv0,target=/dev/xvdb"
fio_run() {
	timeout -s KILL 90 fio --name=mix --ioengine=external:"$FIO_ENGINE" \
		--filename=proc0/xvda --iodepth=8 --bsrange=512-128k --rw=randrw --verify=crc32c \
		--verify_fatal=1 --verify_state_save=0 "$@" >"$VM_LOGS/fio" 2>&1
}
fio_run --size=8m || fail "fio: $(tail -n 20 "$VM_LOGS/fio")"
is "fio's errors" "err= 0" "$(grep -o 'err= *[0-9]*' "$VM_LOGS/fio" | sort -u)"
ok tandem block-detach proc0 xvda

# the driver domain dies under load: its client gets an error, and nothing is left of it
ok tandem block-attach proc0 "vdev=xvda,backend=drv0,target=/dev/xvdb"
fio_run --size=32m --time_based --runtime=60 &
fio_pid=$!
sleep 5
kill -KILL "$(json '.[] | select(.name == "drv0") | .pid' tandem list --json)"
wait_for 20 ended drv0 || fail "drv0 is still there"
wait $fio_pid && fail "fio has not noticed"
ok tandem block-detach --force proc0 xvda
is "nothing is left of it" "" "$(left /local/domain/3)"
is "nor of what it used" "" "$(left /local/domain/1/backend)"
is "nor of what it served" "" "$(left /local/domain/2/device)"
finish
