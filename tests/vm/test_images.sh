#!/bin/bash
# SPDX-License-Identifier: MIT
# The guests' kernels and files are sound: under QEMU, a foreign hypervisor on the
# same /dev/kvm, each boots as ELF and as bzImage, runs a script, and finds fio on
# its root file system. It tells how long that takes there. timeout: 400 s
. "$(dirname "$0")/guest.sh"

command -v qemu-system-x86_64 >/dev/null || {
	echo "qemu-system-x86_64 is not installed"
	exit 77
}

# qemu NAME KERNEL-FILE ARCHIVE WORDS [OPTION...]: boots until the guest powers off
qemu() {
	local name=$1 kernel=$2 archive=$3 words=$4 start=${EPOCHREALTIME/./}
	shift 4
	console=$VM_LOGS/console-$name
	timeout -s KILL 90 qemu-system-x86_64 -accel kvm -cpu host -m 512 -nodefaults -display none \
		-no-reboot -serial "file:$console" -kernel "$VM_IMAGES/$kernel" -initrd "$archive" \
		-append "console=ttyS0 quiet panic=-1 nokaslr mitigations=off $words" "$@" \
		</dev/null >"$work/out" 2>&1 || fail "$name: QEMU says: $(cat "$work/out")"
	echo "$name: $(((${EPOCHREALTIME/./} - start) / 1000)) ms to its power off"
}

echo "some data" >"$work/data"
for k in $kernels; do
	guest_archive "$k" "$work/$k.cpio" dir/data="$work/data" <<-'EOF'
		#!/bin/sh
		[ "$(cat /dir/data)" = "some data" ] && [ -b /dev/vda ] || exit 3
		exit 5
	EOF
	for form in vmlinux bzImage; do
		qemu "$form-$k" "$form-$k" "$work/$k.cpio" "" \
			-drive file="$VM_IMAGES/root.ext4",format=raw,if=virtio,readonly=on
		guest_up "$form-$k" "$console" "$k"
		is "$form-$k: status of its script" 5 "$(guest_status "$console")"
	done
	guest_root "$work/root"
	guest_archive "$k" "$work/root.cpio" <<-'EOF'
		#!/bin/sh
		set -e
		fio --version
		iperf3 --version
		grep -q ' / ext4 ' /proc/mounts
		fio --name=mix --directory=/tmp --size=4m --rw=randrw --verify=crc32c --bs=64k
	EOF
	qemu "root-$k" "vmlinux-$k" "$work/root.cpio" "root=/dev/vda" \
		-drive file="$work/root",format=raw,if=virtio
	guest_up "root-$k" "$console" "$k"
	is "root-$k: status of its script" 0 "$(guest_status "$console")"
	matches "root-$k: fio's errors" "err= 0" "$(grep -a -o 'err= *[0-9]*' "$console")"
done
finish
