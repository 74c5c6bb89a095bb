#!/bin/bash
# SPDX-License-Identifier: MIT
# tandem-vm by hand: unmodified kernels boot by PVH to their userland on hvc0, on one and
# on two vcpus, and what they end with is its status. timeout: 400 s
. "$(dirname "$0")/guest.sh"

# vm NAME STATUS KERNEL-FILE ARCHIVE [OPTION...]: boots until the guest ends
vm() {
	local name=$1 status=$2 kernel=$3 archive=$4 got=0 start=${EPOCHREALTIME/./}
	shift 4
	console=$VM_LOGS/console-$name
	timeout -s KILL 90 "$TANDEM_VM" --verbose --stats --kernel "$kernel" --ramdisk "$archive" \
		--cmdline "console=hvc0 panic=-1 nokaslr mitigations=off quiet" "$@" \
		</dev/null >"$console" 2>"$VM_LOGS/messages-$name" || got=$?
	is "$name: status" "$status" "$got"
	echo "$name: $(((${EPOCHREALTIME/./} - start) / 1000)) ms"
}

for k in $kernels; do
	guest_archive "$k" "$work/$k.cpio" <<-'EOF'
		#!/bin/sh
		echo "CPUS=$(grep -c ^processor /proc/cpuinfo)"
		echo "TYPE=$(cat /sys/hypervisor/type)"
		echo "CLOCK=$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
		exit 5
	EOF
	for vcpus in 1 2; do
		for form in vmlinux bzImage; do
			vm "$form-$k-$vcpus" 0 "$VM_IMAGES/$form-$k" "$work/$k.cpio" --vcpus $vcpus
			guest_up "$form-$k-$vcpus" "$console" "$k"
			is "status of its script" 5 "$(guest_status "$console")"
			guest_said "$console" "CPUS=$vcpus\$" || fail "no $vcpus CPUs"
			guest_said "$console" 'TYPE=xen$' || fail "no Xen"
			guest_said "$console" 'CLOCK=xen$' || fail "not Xen's clock"
		done
	done
done

k=6.12
guest_archive $k "$work/reboot.cpio" <<-'EOF'
	#!/bin/sh
	reboot -f
EOF
vm reboot 17 "$VM_IMAGES/vmlinux-$k" "$work/reboot.cpio" --vcpus 2
guest_archive $k "$work/crash.cpio" <<-'EOF'
	#!/bin/sh
	echo c >/proc/sysrq-trigger
EOF
vm crash 19 "$VM_IMAGES/vmlinux-$k" "$work/crash.cpio"
guest_said "$console" 'sysrq triggered crash' || fail "it has not crashed"

# typed into, it echoes
guest_archive $k "$work/read.cpio" <<-'EOF'
	#!/bin/sh
	read -r line
	echo "READ=$line"
EOF
(sleep 25 && echo hello) | timeout -s KILL 90 "$TANDEM_VM" --kernel "$VM_IMAGES/vmlinux-$k" \
	--ramdisk "$work/read.cpio" --cmdline "console=hvc0 quiet nokaslr" >"$VM_LOGS/console-read"
guest_said "$VM_LOGS/console-read" 'READ=hello' || fail "its console takes no input"

# kernels that are none: one line, status 2
bad_kernel() {
	local status=0
	"$TANDEM_VM" --kernel "$1" >"$work/out" 2>&1 </dev/null || status=$?
	is "$1: status" 2 "$status"
	is "$1: lines" 1 "$(wc -l <"$work/out")"
	matches "$1" "$2" "$(cat "$work/out")"
}
head -c 3000000 "$VM_IMAGES/bzImage-$k" >"$work/cut"
bad_kernel "$work/cut" 'cut short'
head -c 3000000 "$VM_IMAGES/vmlinux-$k" >"$work/cut"
bad_kernel "$work/cut" 'cut short'
cp "$VM_IMAGES/bzImage-$k" "$work/flipped"
printf 'xxxx' | dd of="$work/flipped" bs=1 seek=5000000 conv=notrunc status=none
bad_kernel "$work/flipped" 'damaged'
bad_kernel /etc/passwd 'no kernel'
bad_kernel /dev/null 'no regular file'
bad_kernel /nowhere 'No such file'
finish
