#!/bin/bash
# SPDX-License-Identifier: MIT
# Exits to user space in the steady state (benchmark H3): Linux's own xen-blkfront reads a
# disk of tandem-blkback's, its xen-netfront carries a stream; counted by tandem-vm and by
# the backends over the same seconds. timeout: 900 s
. "$(dirname "$0")/guest.sh"
needs jq awk ip iperf3
[ "$(id -u)" = 0 ] || {
	echo "makes a tap in a namespace of its own: root only"
	exit 77
}
[ "${IN_NETNS-}" = 1 ] || IN_NETNS=1 exec unshare -n "$0"
SECONDS_EACH=10
BOUND=0.01 # exits a request or packet: the target is 0
ONCE=5	   # and such as come once, as when the guest's grant table grows

hvd_start
ln -s "$VM_LOGS" "$TANDEM_DIR/log"
ok tandem create drv0
ok tandem create peer
blkback_start drv0 --allow "$work" --allow "$VM_IMAGES" --workers 1
netback_start drv0 --workers 1 --switch sw0
wait_for 20 tandem network-attach peer "bridge=sw0,backend=drv0" || fail "no netback"
ip link set lo up
ok "$TANDEM_NETFRONT" --domain peer --tap tnd0 --daemonize
ip addr add 10.0.0.2/24 dev tnd0
ip link set tnd0 up

# In bursts: the emulated machine sometimes stops for ever where a guest is interrupted
# without a pause (STATUS.md).
guest_archive 6.12 "$work/guest.cpio" <<-'EOF'
	#!/bin/sh
	i=0
	until ip link show eth0 >/dev/null 2>&1 || [ $i = 300 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	ip addr add 10.0.0.1/24 dev eth0
	ip link set eth0 up
	for depth in 1 32; do
		echo "DISK-$depth"
		fio --name=read --filename=/dev/xvdb --rw=randread --bs=4k --iodepth=$depth \
			--ioengine=libaio --direct=1 --thinktime=100ms --thinktime_blocks=$((depth * 8)) \
			--time_based --runtime=25 --minimal >/dev/null || exit 3
	done
	iperf3 -s -D || exit 4
	echo NET-UP
	cat
EOF

# console NAME: its transcript so far
console() { echo "$TANDEM_DIR/log/$1.console"; }
said() { guest_said "$(console "$1")" "$2"; }

# waits SECONDS NAME PATTERN: until its console says so
waits() {
	local end=$((SECONDS + $1))
	until said "$2" "$3"; do
		[ $SECONDS -lt $end ] || {
			fail "$2: no $3: $(tail -n 5 "$(console "$2")")"
			return 1
		}
		sleep 1
	done
}

# counters GUEST: the exits of its vcpus by reason, and what its devices did, as JSON
counters() {
	tandem vcpu-list "$1" --json >"$work/vcpus"
	tandem block-list "$1" --json --stats >"$work/disks"
	tandem network-list "$1" --json --stats >"$work/vifs"
	jq -cs '{ exits: (reduce (.[0][].exits | to_entries[]) as $e ({}; .[$e.key] += $e.value)),
		disk: (.[1] | map(.stats | .reads + .writes) | add),
		net: (.[2] | map(.stats | .tx_packets + .rx_packets) | add) }' \
		"$work/vcpus" "$work/disks" "$work/vifs"
}

# measure WHAT GUEST VCPUS disk|net: prints the exits a request, and fails above the bound.
# The two looks kick each vcpu out, four times at most between them.
measure() {
	local before after
	before=$(counters "$2")
	sleep "$SECONDS_EACH"
	after=$(counters "$2")
	printf '%s\n' "$1" "$before" "$after" >>"$VM_LOGS/counters"
	jq -nr --argjson a "$before" --argjson b "$after" --arg kind "$4" \
		--argjson looks $((4 * $3)) '
		[$b.exits | to_entries[] | {key, value: (.value - $a.exits[.key])} |
			if .key == "kick" then .value = ([.value - $looks, 0] | max) else . end |
			select(.value > 0)] as $by |
		"\($b[$kind] - $a[$kind]) \([$by[].value] | add // 0) " +
			([$by[] | "\(.key)=\(.value)"] | join(" "))' >"$work/measured"
	awk -v what="$1" -v s="$SECONDS_EACH" '{
		printf "%s: %d in %d s, %d exits, %.5f each:", what, $1, s, $2, $1 ? $2 / $1 : 0
		for (i = 3; i <= NF; i++) printf " %s", $i
		printf "\n" }' "$work/measured"
	checks=$((checks + 1))
	# nothing measured is a failure, too
	awk -v bound="$BOUND" -v once=$ONCE \
		'{ good = $1 > 100 && $2 < bound * $1 + once } END { exit !good }' "$work/measured" ||
		fail "$1: it does too little, or more than $BOUND exits each"
}

# steady VCPUS: a guest, measured
steady() {
	local name=g$1 vcpus=$1 depth way
	guest_root "$work/root-$name"
	truncate -s 64M "$work/data-$name"
	cat >"$work/$name.cfg" <<-EOF
		name = "$name"
		type = "pvh"
		kernel = "$VM_IMAGES/vmlinux-6.12"
		ramdisk = "$work/guest.cpio"
		root = "/dev/xvda"
		extra = "console=hvc0 panic=-1 nokaslr mitigations=off quiet"
		memory = 384
		vcpus = $vcpus
		disk = [ "backend=drv0,vdev=xvda,target=$work/root-$name",
		         "backend=drv0,vdev=xvdb,target=$work/data-$name" ]
		vif = [ "bridge=sw0,backend=drv0" ]
	EOF
	ok tandem create "$work/$name.cfg"
	for depth in 1 32; do
		waits 120 "$name" "DISK-$depth\$" || return
		sleep 5
		measure "$vcpus vcpus, 4k reads, depth $depth" "$name" "$vcpus" disk
	done
	waits 60 "$name" NET-UP || return
	for way in --no-delay --reverse; do # to the guest, from it
		background timeout 60 iperf3 -c 10.0.0.1 -t $((SECONDS_EACH + 8)) $way \
			>>"$VM_LOGS/iperf3-$name" 2>&1
		sleep 4
		measure "$vcpus vcpus, a TCP stream, iperf3 $way" "$name" "$vcpus" net
		wait "$bg" || fail "$name: iperf3 $way"
	done
	ok tandem destroy "$name"
}

steady 1
steady 2
finish
