#!/bin/bash
# SPDX-License-Identifier: MIT
# A paravirtual guest and one that knows nothing of Xen, side by side: both read the same
# read-only image, exchange bytes over one bridge, and tell what a read costs, emulated and
# paravirtual: exits, time, CPU. images: pc, timeout: 700 s
. "$(dirname "$0")/pc.sh"
needs jq awk ip
own_netns
pc_start
MIB=24	     # of the image
NET=4194304  # bytes each way
READS=1500   # of 4 KiB, and of 64 KiB a quarter of it

ok tandem create drv0
blkback_start drv0 --allow "$work" --allow "$VM_IMAGES" --workers 1
blkback=$bg
netback_start drv0 --workers 1
ip link set lo up
ip link add br0 type bridge
ip link set br0 up
dd if=/dev/urandom of="$work/image" bs=1M count=$MIB 2>/dev/null
sum=$(sha256sum <"$work/image")

# bench DEVICE: prints "BENCH size begin", the seconds, "BENCH size end", with pauses in
# which the test looks at the counters
bench() {
	cat <<-EOF
		bench() {
			sleep 3
			echo "BENCH \$2 begin"
			sleep 3
			from=\$(cut -d' ' -f1 /proc/uptime)
			dd if=\$1 of=/dev/null bs=\$2 count=\$3 iflag=direct 2>/dev/null || exit 3
			to=\$(cut -d' ' -f1 /proc/uptime)
			awk "BEGIN { print \"BENCH \$2 took \" \$to - \$from }"
			sleep 1
			echo "BENCH \$2 end"
		}
	EOF
}

# the unmodified one, which waits for the other's bytes
{ bench && cat <<-EOF; } | pc_script "$work/script"
	image=\$(ide 0 0)
	same_image() { [ "\$(sha256sum <\$image)" = "$sum" ]; }
	try 'the image' same_image
	cat /sys/devices/system/clocksource/clocksource0/current_clocksource
	bench \$image 4k $READS
	bench \$image 64k $((READS / 4))
	try 'bytes from the other' net_serve 1 $NET
EOF
pc_create pc 'boot = "d"' "disk = [ $(pc_cd "$images/pc-686.iso"),
	'format=raw,vdev=hda,access=ro,target=$work/image', $(pc_disk hdb "$work/script") ]" \
	"vif = [ 'model=e1000,bridge=br0,mac=00:16:3e:00:00:01' ]"
pc_screen_wait pc '^boot:' 120
pc_type pc acpi

{
	echo '#!/bin/sh'
	bench
	cat <<-EOF
		[ "\$(sha256sum </dev/xvda)" = "$sum" ] || exit 2
		echo IMAGE-SAME
		bench /dev/xvda 4k $READS
		bench /dev/xvda 64k $((READS / 4))
		ip addr add 10.0.1.2/24 dev eth0 && ip link set eth0 up || exit 4
		i=0
		until ping -c 1 -W 1 10.0.1.1 >/dev/null || [ \$i = 120 ]; do i=\$((i + 1)); sleep 1; done
		sleep 2
		yes tandem | head -c $NET | nc 10.0.1.1 5000 || exit 5
		i=0
		until nc 10.0.1.1 5001 >/back && [ -s /back ] || [ \$i = 20 ]; do i=\$((i + 1)); sleep 1; done
		[ "\$(sha256sum </back)" = "\$(yes tandem | head -c $NET | sha256sum)" ] || exit 6
		exit 7
	EOF
} | guest_archive 6.1 "$work/guest.cpio"
cat >"$work/pv.cfg" <<-EOF
	name = "pv"
	type = "pvh"
	kernel = "$VM_IMAGES/vmlinux-6.1"
	ramdisk = "$work/guest.cpio"
	extra = "console=hvc0 panic=-1 nokaslr mitigations=off quiet"
	memory = 256
	disk = [ 'format=raw,backend=drv0,vdev=xvda,access=ro,target=$work/image' ]
	vif = [ 'bridge=br0,backend=drv0,mac=00:16:3e:00:00:02' ]
EOF

# The exits of a guest's vcpus, and the CPU seconds of it and of what serves it
counters() {
	local ticks
	tandem vcpu-list "$1" --json >"$work/vcpus"
	jq -c '[.[].exits]' "$work/vcpus" >>"$VM_LOGS/$1.exits"
	ticks=$(for p in $(pids "$1"); do cut -d' ' -f14,15 "/proc/$p/stat"; done |
		awk '{ n += $1 + $2 } END { print n }')
	jq -r --argjson ticks "$ticks" --argjson hz "$(getconf CLK_TCK)" \
		'"\([.[].exits | to_entries[].value] | add) \($ticks / $hz)"' "$work/vcpus"
}
pids() {
	local p
	for p in /proc/[0-9]*; do
		tr '\0' ' ' <"$p/cmdline" 2>/dev/null | grep -q "tandem-vm --name $1 " &&
			echo "${p#/proc/}"
	done
	[ "$1" = pc ] || echo "$blkback"
}

# cost NAME SIZE READS: prints what one cost
cost() {
	local before after took
	pc_console_wait "$1" "BENCH $2 begin" 300 || return
	before=$(counters "$1")
	pc_console_wait "$1" "BENCH $2 end" 300 || return
	after=$(counters "$1")
	took=$(tr -d '\r' <"$(pc_console "$1")" | sed -n "s/^BENCH $2 took //p")
	echo "$before $after $took $3" | awk -v what="$1, reads of $2" '{
		printf "%s: %.2f exits each, %.0f us each, %.0f us of CPU each\n", what,
			($3 - $1) / $6, 1e6 * $5 / $6, 1e6 * ($4 - $2) / $6 }' |
		tee -a "$VM_LOGS/costs"
}

# one after the other: each has the CPU for itself while it is measured
cost pc 4k "$READS"
cost pc 64k $((READS / 4))
pc_console_wait pc 'NET 1 ready' 60
ok tandem create "$work/pv.cfg"
pc_console_wait pv IMAGE-SAME 300
cost pv 4k "$READS"
cost pv 64k $((READS / 4))
is "costs measured" 4 "$(wc -l <"$VM_LOGS/costs")"
pc_console_wait pv GUEST-RC= 200
is "pv: status of its script" 7 "$(guest_status "$(pc_console pv)")"
pc_ran pc 100
finish
