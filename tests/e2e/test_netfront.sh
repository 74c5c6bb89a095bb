#!/bin/bash
# SPDX-License-Identifier: MIT
# tandem-netfront between two network namespaces: tap, netfront, shared rings,
# netback, tap. Random bytes both ways with each offload on and off, queues, MTU
# 9000, a backend that is killed while iperf3 runs, bad input.
#
# NET_BYTES: of each transfer (16 MiB).
# shellcheck source=tests/lib/netns.sh
. "$(dirname "$0")/../lib/netns.sh"
needs iperf3 python3 jq
bytes=${NET_BYTES:-$((16 << 20))}

# front OPTION...: connected, with addresses on both ends
front() {
	: >"$work/guest0.err"
	netfront_start guest0 --verbose "$@" || exit 1
	wait_for 15 grep -q reconnects: "$work/guest0.out" ||
		fail "netfront: $(cat "$work"/guest0.{out,err})"
	address guest0 eth0 2
	tap_address
}
# The backend's tap is a new one with each backend: with the same address, or
# neighbours go on with the old one.
tap_address() {
	wait_for 10 carrier drv0 vif0 || fail "the backend's tap is not there"
	ip -n drv0 link set vif0 address 02:00:00:00:00:02
	address drv0 vif0 1
}
connections() { grep -c 'connected again' "$work/guest0.err"; }
again() { [ "$(connections)" -ge "$1" ]; }
front_stop() {
	stop "$netfront_pid"
	is "netfront's end" 0 "$status"
}

# moves WHAT BYTES: each way, over both versions of IP
moves() {
	transfer "$1, out" guest0 drv0 192.0.2.1 "$2"
	transfer "$1, in" drv0 guest0 192.0.2.2 "$2"
	transfer "$1, IPv6, out" guest0 drv0 2001:db8::1 "$2"
	transfer "$1, IPv6, in" drv0 guest0 2001:db8::2 "$2"
}

# on FEATURE...: netfront says that these are on, off: that they are off
on() { for f in "$@"; do grep -q "^$f: on" "$work/guest0.out" || fail "$f is not on"; done; }
off() { for f in "$@"; do grep -q "^$f: off" "$work/guest0.out" || fail "$f is not off"; done; }

net_start
netback_start --workers 1
ok tandem network-attach guest0 "mac=$mac0,backend=drv0,port=tap,vifname=vif0"

front
on tx-csum tx-tso4 tx-tso6 rx-csum rx-tso4 rx-tso6 split-event-channels
is "the tap's address" $mac0 "$(inside guest0 ip -j link show eth0 | jq -r '.[0].address')"
moves "all offloads" "$bytes"
front_stop

for key in sg csum csum6 tso4 tso6 tx-csum rx-csum tx-sg rx-sg; do
	front --offload "$key=off"
	[ "${key#rx-}" != "$key" ] || off "tx-${key#tx-}"
	[ "${key#tx-}" != "$key" ] || off "rx-${key#rx-}"
	moves "$key off" $((bytes / 8))
	front_stop
done
front --no-split --no-ctrl --poll-us 0 --offload sg=off,csum=off,csum6=off
moves "nothing on" $((bytes / 4))
front_stop

# kill -9 of the backend: streams go on
front
iperf3_serve drv0
inside guest0 timeout 60 iperf3 -c 192.0.2.1 -t 6 >"$work/iperf3" 2>&1 &
client=$!
for times in 1 2 3; do
	sleep 1
	kill -9 "$netback_pid"
	wait "$netback_pid" 2>/dev/null
	netback_start --workers 1
	# not before: the old tap may outlive its backend a little
	wait_for 20 again $times || fail "not connected again"
	tap_address
done
wait $client || fail "iperf3: $(tail -3 "$work/iperf3")"
moves "after three backends" $((bytes / 4))
is "connected again" 3 "$(connections)"
front_stop

# more queues, jumbo frames
ok tandem network-detach guest0 0
ok tandem network-attach guest0 "mac=$mac0,backend=drv0,port=tap,vifname=vif0,mtu=9000,queues=4"
front --queues 4 --hash
is "MTU" 9000 "$(inside guest0 ip -j link show eth0 | jq '.[0].mtu')"
moves "four queues" "$bytes"
iperf3_serve drv0 5202
ok inside guest0 timeout 30 iperf3 -c 192.0.2.1 -p 5202 -t 1 -P 4
front_stop

# refuses PATTERN OPTION...: it says what is wrong, status 2
refuses() {
	local want=$1 out status
	shift
	out=$(timeout 20 "$TANDEM_NETFRONT" "$@" 2>&1)
	status=$?
	is "status of $*" 2 $status
	matches "$*" "$want" "$out"
}
refuses 'whose vif' --sink
refuses 'one of --tap' --domain guest0
refuses 'not with --gen' --domain guest0 --tap t1 --gen 64
refuses '14 to 65535' --domain guest0 --gen 13
refuses 'want sg, csum' --domain guest0 --sink --offload lro=off
refuses 'want sg, csum' --domain guest0 --sink --offload rx-uso=off
refuses 'want on or off' --domain guest0 --sink --offload sg=no
refuses 'no vif 7 \(it has 0\)' --domain guest0 --vif 7 --sink
refuses 'domain nobody' --domain nobody --sink
refuses '15 characters' --domain guest0 --tap a-name-that-is-too-long
refuses 'not a tap' --domain guest0 --tap lo
refuses '16 at most' --domain guest0 --tap t1 --queues 17
refuses 'unicast' --domain guest0 --tap t1 --mac 01:00:00:00:00:00
finish
