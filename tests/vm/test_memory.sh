#!/bin/bash
# SPDX-License-Identifier: MIT
# A VM's memory and vcpus while it runs: Linux's own balloon driver and CPU hotplug follow
# mem-set and vcpu-set, the host gets its memory back, and no more is taken than mem-max
# allows. timeout: 900 s
. "$(dirname "$0")/guest.sh"

hvd_start
ln -s "$VM_LOGS" "$TANDEM_DIR/log"
guest_archive 6.12 "$work/guest.cpio" <<-'END'
	#!/bin/sh
	# something that it touches and frees again
	dd if=/dev/zero of=/dev/shm/x bs=1M count=90 2>/dev/null && rm /dev/shm/x && echo FILLED
	while :; do
		# as udev does: a CPU that has come is used
		for c in /sys/devices/system/cpu/cpu[1-9]*/online; do
			[ "$(cat "$c" 2>/dev/null)" != 0 ] || echo 1 >"$c"
		done
		echo "NOW=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)" \
			"$(cat /sys/devices/system/cpu/online)."
		sleep 0.3
	done
END
ok tandem create guest "type='pvh'" "kernel='$VM_IMAGES/vmlinux-6.12'" \
	"ramdisk='$work/guest.cpio'" memory=256 maxmem=320 vcpus=2 maxvcpus=3 \
	"extra='console=hvc0 panic=-1 nokaslr mitigations=off quiet'"
log=$VM_LOGS/guest.console
pid=$(tandem list --json | sed -nE 's/.*"pid": ([0-9]+).*/\1/p' | tail -n 1)

# what the guest says last: its MemTotal in KiB, its CPUs
now() { tr -d '\r' <"$log" | sed -nE 's/^NOW=([0-9]+ [0-9,-]+)\.$/\1/p' | tail -n 1; }
now_memory() { now | cut -d' ' -f1; }
now_cpus() { now | cut -d' ' -f2; }

# The KiB of its RAM that the host really holds.
resident() {
	local fd
	for fd in /proc/"$pid"/fd/*; do
		case $(readlink "$fd") in
		*memfd:tandem-ram*) echo $(($(stat -L -c %b "$fd") / 2)) ;;
		esac
	done
}

# until_guest SECONDS WHAT COMMAND...
until_guest() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	checks=$((checks + 1))
	until "$@"; do
		[ $SECONDS -lt $end ] || {
			fail "$what: not so, the guest says: $(now)"
			return 1
		}
		sleep 0.5
	done
	echo "$what: guest $(now), host $(resident) KiB"
}
memory_between() {
	local m
	m=$(now_memory)
	[ -n "$m" ] && [ "$m" -gt "$1" ] && [ "$m" -le "$2" ]
}
cpus_are() { [ "$(now_cpus)" = "$1" ]; }
resident_below() { [ "$(resident)" -lt "$1" ]; }

until_guest 300 "256 of 320 MiB at the start" memory_between 150000 262144
guest_up guest "$log" 6.12
guest_said "$log" FILLED || fail "it has not touched its memory"
full=$(resident)
[ "$full" -gt 92160 ] || fail "it has touched $full KiB alone"
until_guest 200 "2 of 3 vcpus at the start" cpus_are 0-1

ok tandem mem-set guest 112m
until_guest 200 "112 MiB" memory_between 20000 114688
until_guest 100 "the host has the rest" resident_below 114688
[ "$(resident)" -lt "$full" ] || fail "the host has $(resident) KiB, not less than $full"

ok tandem mem-set guest 320m
until_guest 200 "320 MiB" memory_between 262144 327680
sleep 3
# what its kernel takes of its memory for itself: then MemTotal says all
own=$((327680 - $(now_memory)))
memory_is() { memory_between $(($1 * 1024 - own - 2048)) $(($1 * 1024 - own + 1024)); }
ok tandem mem-set guest 128m
until_guest 200 "128 MiB" memory_is 128

# a guest that wants more than it may have: here because it is told to
ok tandem mem-max guest 160m
ok tandem xs write "/local/domain/$(tandem domid guest)/memory/target" 327680
until_guest 200 "as much as it may" memory_is 160
sleep 5
until_guest 1 "and no more" memory_is 160

ok tandem vcpu-set guest 1
until_guest 200 "1 vcpu" cpus_are 0
ok tandem vcpu-set guest 3
until_guest 200 "3 vcpus" cpus_are 0-2
ok tandem vcpu-set guest 2
until_guest 200 "2 vcpus" cpus_are 0-1
kill -0 "$pid" || fail "tandem-vm has ended"
ok tandem destroy guest
finish
