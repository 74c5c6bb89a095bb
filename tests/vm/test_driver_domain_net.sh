#!/bin/bash
# SPDX-License-Identifier: MIT
# Driver domains that are VMs: a Linux guest serves vifs by its own xen-netback, on a
# bridge of its own, to another Linux guest and to a process domain. timeout: 300 s
. "$(dirname "$0")/driver.sh"

: "${TANDEM_NETFRONT:?}"
needs ip ping iperf3
[ "$(id -u)" = 0 ] || {
	echo "a tap in a namespace of its own needs root"
	exit 77
}

hvd_start
ok tandem create proc0
driver_vm drv0 <<-'EOF'
	ip link add br0 type bridge
	ip addr add 10.9.0.1/24 dev br0
	ip link set br0 up
EOF

read -r -d "" -a iperf <<<"$(program iperf3)"
guest_archive 6.1 "$work/guest.cpio" "${iperf[@]}" <<-'EOF'
	#!/bin/sh
	i=0
	until [ -e /sys/class/net/eth0 ] || [ $i = 300 ]; do sleep 0.1; i=$((i+1)); done
	ip addr add 10.9.0.2/24 dev eth0
	ip link set eth0 up
	i=0
	until ping -c 1 -W 1 10.9.0.1 >/dev/null || [ $i = 60 ]; do i=$((i+1)); done
	ping -c 5 -s 1400 10.9.0.1 || exit 3
	ping -c 2 -s 8000 10.9.0.1 || exit 4
	echo GUEST-NET
	iperf3 -s -1 || exit 5
	nc -l -p 7000 >/tmp/data
	echo "SUM=$(sha256sum </tmp/data)"
EOF
vm guest0 6.1 "$work/guest.cpio" quiet "memory=320" "vif=['backend=drv0,bridge=br0']"
must "the guest reaches its backend" wait_for 90 said guest0 GUEST-NET

# a process domain on the same bridge
ok tandem network-attach proc0 "backend=drv0,bridge=br0"
background unshare --net "$TANDEM_NETFRONT" --domain proc0 --tap eth0 2>"$VM_LOGS/netfront"
front=$bg
inside() { nsenter --net="/proc/$front/ns/net" "$@"; }
must "its tap" wait_for 20 inside ip link show eth0
inside ip addr add 10.9.0.3/24 dev eth0
inside ip link set eth0 up
wait_for 20 inside ping -c 1 -W 1 10.9.0.2 || fail "no way between the two guests"
inside ping -c 5 -s 1400 10.9.0.1 >"$VM_LOGS/ping" 2>&1 || fail "$(cat "$VM_LOGS/ping")"
timeout 60 nsenter --net="/proc/$front/ns/net" iperf3 -c 10.9.0.2 -t 3 >"$VM_LOGS/iperf3" 2>&1 ||
	fail "iperf3: $(cat "$VM_LOGS/iperf3")"
grep -E 'sender|receiver' "$VM_LOGS/iperf3"
head -c 4M /dev/urandom >"$work/bytes"
sum=$(sha256sum <"$work/bytes")
sent() { inside timeout 40 "$VM_DIR/tcp.py" 10.9.0.2 7000 send "$work/bytes"; }
wait_for 20 sent || fail "the bytes cannot be sent"
must "the guest ends" wait_for 60 ended guest0
is "the guest's status" 0 "$(guest_status "$(console guest0)")"
matches "what it received" "${sum%% *}" "$(grep -a SUM= "$(console guest0)")"

# the driver domain ends: so does what it served
ok tandem network-detach proc0 0
end_pid "$front"
ok tandem destroy drv0
is "nothing is left of it" "" "$(tandem xs ls -R /local/domain/2 2>/dev/null)"
is "nor of what it served" "" "$(tandem xs ls -R /local/domain/1/device 2>/dev/null)"
finish
