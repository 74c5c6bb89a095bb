#!/bin/bash
# SPDX-License-Identifier: MIT
# Packets that are lost, doubled, overtaken, late and damaged on their way, over a
# tap and over a switch: what TCP carries arrives as it was sent.
#
# NET_BYTES: of each transfer (16 MiB).
# shellcheck source=tests/lib/netns.sh
. "$(dirname "$0")/../lib/netns.sh"
needs python3 ping
bytes=${NET_BYTES:-$((16 << 20))}

# over INNER OTHER FAULTS: between guest0 with those faults and the namespace OTHER,
# which has 192.0.2.3
over() {
	ok tandem network-attach guest0 "mac=$mac0,backend=drv0,port=fault;inner=$1;seed=7;$3"
	netfront_start guest0 || return
	address guest0 eth0 2
	[ "$2" = guest1 ] || address "$2" "${1#tap:}" 3
	transfer "$1, from the guest, $3" guest0 "$2" 192.0.2.3 "$bytes"
	transfer "$1, to the guest, $3" "$2" guest0 2001:db8::2 "$bytes"
	stop "$netfront_pid"
	ok tandem network-detach guest0 0
}

losses='send-loss=0.3;recv-loss=0.3;send-dup=0.3;recv-dup=0.3'
order='send-reorder=1;recv-reorder=1;send-delay=1;recv-delay=1;send-delay-us=300;recv-delay-us=300'
damage='send-corrupt=0.3;recv-corrupt=0.3'

net_start
netback_start --workers 2 --switch sw0
ok tandem network-attach guest1 "mac=$mac1,backend=drv0,bridge=sw0"
netfront_start guest1
address guest1 eth0 3
for faults in "$losses" "$order" "$damage" "$losses;$order;$damage"; do
	over switch:sw0 guest1 "$faults"
done
over tap:vif0 drv0 "$losses;$order"
over tap:vif0 drv0 "$damage"
is "lines of the programs" "" "$(cat "$work"/{netback,guest0,guest1}.err)"
finish
