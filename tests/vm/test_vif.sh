#!/bin/bash
# SPDX-License-Identifier: MIT
# A virtual machine's eth0, by Linux's own xen-netfront, on tandem-netback's switch: it
# reaches a guest that is a process; iperf3 both ways; 256 MiB arrive whole there, and 64 here.
# timeout: 500 s
. "$(dirname "$0")/guest.sh"
needs iperf3 ping
[ "$(id -u)" = 0 ] || {
	echo "makes a tap in a namespace of its own: root only"
	exit 77
}
[ "${IN_NETNS-}" = 1 ] || IN_NETNS=1 exec unshare -n "$0"

hvd_start
ln -s "$VM_LOGS" "$TANDEM_DIR/log"
ok tandem create drv0
ok tandem create peer
netback_start drv0 --workers 1 --switch sw0
wait_for 20 tandem network-attach peer "bridge=sw0,backend=drv0" || fail "no netback"
ip link set lo up
ok "$TANDEM_NETFRONT" --domain peer --tap tnd0 --daemonize
ip addr add 10.0.0.2/24 dev tnd0
ip link set tnd0 up

read -r -d "" -a iperf <<<"$(program iperf3)"
guest_archive 6.12 "$work/guest.cpio" "${iperf[@]}" <<-'EOF'
	#!/bin/sh
	i=0
	until ip link show eth0 >/dev/null 2>&1 || [ $i = 300 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	ip addr add 10.0.0.1/24 dev eth0
	ip link set eth0 up
	i=0
	until ping -c 1 -W 2 10.0.0.2 >/dev/null 2>&1 || [ $i = 30 ]; do i=$((i + 1)); done
	ping -c 3 -W 5 10.0.0.2 || exit 3
	iperf3 -s -1 || exit 4
	iperf3 -s -1 || exit 5
	nc -l -p 5000 | sha256sum
	yes tandem | head -c 67108864 | nc -l -p 5000
EOF
cat >"$work/guest.cfg" <<-EOF
	name = "guest"
	type = "pvh"
	kernel = "$VM_IMAGES/vmlinux-6.12"
	ramdisk = "$work/guest.cpio"
	extra = "console=hvc0 panic=-1 nokaslr mitigations=off quiet"
	vif = [ "bridge=sw0,backend=drv0" ]
EOF
ok tandem create "$work/guest.cfg"

log=$VM_LOGS/guest.console
wait_for 100 guest_said "$log" 'Server listening' || fail "no iperf3 in the guest: $(tail -n 5 "$log")"
# shellcheck disable=SC2086 # an option or none
measure() { timeout 60 iperf3 -c 10.0.0.1 -t 3 $1 >"$VM_LOGS/iperf3$1" 2>&1; }
for way in '' -R; do
	wait_for 20 measure "$way" || fail "iperf3 $way: $(cat "$VM_LOGS/iperf3$way")"
	echo "iperf3 $way: $(grep receiver "$VM_LOGS/iperf3$way")"
done

head -c 256M /dev/urandom >"$work/bytes"
# over WHAT: a connection to the guest, once it listens
over() { timeout 200 "$VM_DIR/tcp.py" 10.0.0.1 5000 "$@"; }
began=$SECONDS
over send "$work/bytes" || fail "the bytes cannot be sent"
sum=$(sha256sum <"$work/bytes")
wait_for 60 guest_said "$log" "^${sum%% *}" || fail "what it received: $(tail -n 3 "$log")"
echo "256 MiB to the guest, and summed there: $((SECONDS - began)) s"
began=$SECONDS
over receive >"$work/got" || fail "nothing comes back"
echo "64 MiB from the guest: $((SECONDS - began)) s"
is "what came" "$(yes tandem | head -c 64M | sha256sum)" "$(sha256sum <"$work/got")"
guest_up guest "$log" 6.12
guest_said "$log" '3 packets received' || fail "ping: no answers"
finish
