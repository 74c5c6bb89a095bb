#!/bin/bash
# SPDX-License-Identifier: MIT
# Virtual machines with disks that tandem-blkback serves: Linux's own xen-blkfront, the
# root file system on /dev/xvda, fio with verification on /dev/xvdb; two guests at once.
# timeout: 400 s
. "$(dirname "$0")/guest.sh"

hvd_start
ln -s "$VM_LOGS" "$TANDEM_DIR/log"
ok tandem create drv0
blkback_start drv0 --allow "$work" --allow "$VM_IMAGES" --workers 1

# start NAME KERNEL VCPUS: with a root and a data disk
start() {
	guest_root "$work/root-$1"
	truncate -s 32M "$work/data-$1"
	cat >"$work/$1.cfg" <<-EOF
		name = "$1"
		type = "pvh"
		kernel = "$VM_IMAGES/vmlinux-$2"
		ramdisk = "$work/$2.cpio"
		root = "/dev/xvda"
		extra = "console=hvc0 panic=-1 nokaslr mitigations=off quiet"
		memory = 384
		vcpus = $3
		disk = [ "backend=drv0,vdev=xvda,target=$work/root-$1",
		         "backend=drv0,vdev=xvdb,target=$work/data-$1" ]
	EOF
	ok tandem create "$work/$1.cfg"
}

# ended NAME SECONDS: it has powered off, so its domain has gone
ended() {
	local end=$((SECONDS + $2))
	while tandem domid "$1" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 1
	done
}

for k in $kernels; do
	guest_archive "$k" "$work/$k.cpio" <<-'EOF'
		#!/bin/sh
		grep -q '^/dev/xvda / ext4' /proc/mounts || exit 3
		fio --name=mix --filename=/dev/xvdb --size=8m --rw=randrw --bsrange=512-128k \
			--iodepth=8 --ioengine=libaio --direct=1 --verify=crc32c --verify_fatal=1 || exit 4
		yes tandem | head -c 4194304 | dd of=/dev/xvdb bs=64k iflag=fullblock oflag=direct || exit 5
		grep -E 'blkif|xenbus' /proc/interrupts
	EOF
done
start guest612 6.12 2
start guest61 6.1 1
for g in guest612 guest61; do
	ended $g 150 || fail "$g has not ended"
	cp "$TANDEM_DIR/log/$g.console" "$VM_LOGS/$g.console"
	guest_up $g "$VM_LOGS/$g.console"
	is "$g: status of its script" 0 "$(guest_status "$VM_LOGS/$g.console")"
	matches "$g: fio's errors" "err= 0" "$(grep -a -o 'err= *[0-9]*' "$VM_LOGS/$g.console")"
	is "$g: what it wrote" "$(yes tandem | head -c 4194304 | sha256sum)" \
		"$(head -c 4194304 "$work/data-$g" | sha256sum)"
done
is "domains left" 2 "$(tandem list | tail -n +2 | wc -l)"
finish
