#!/bin/bash
# SPDX-License-Identifier: MIT
# Random bytes arrive as they were sent, by SHA-256: each way, over a tap and over
# a switch between two guests, with all offloads and with none.
#
# NET_BYTES: of each transfer (128 MiB).
# shellcheck source=tests/lib/netns.sh
. "$(dirname "$0")/../lib/netns.sh"
needs python3
bytes=${NET_BYTES:-$((128 << 20))}
none='sg=off,csum=off,csum6=off,tso4=off,tso6=off'

# no_losses GUEST...: no packet was refused; and netfront ends as asked
no_losses() {
	local g
	for g in "$@"; do
		is "$g: errors" 0 "$(vif "$g" '.stats | .tx_errors + .rx_errors + .tx_dropped_port')"
	done
}

# over_tap [OPTION...]: the guest and the namespace at the other end of its tap
over_tap() {
	ok tandem network-attach guest0 "mac=$mac0,backend=drv0,port=tap,vifname=vif0"
	netfront_start guest0 "$@" || return
	address guest0 eth0 2
	address drv0 vif0 1
	transfer "tap, from guest, $*" guest0 drv0 192.0.2.1 "$bytes"
	transfer "tap, to guest, $*" drv0 guest0 2001:db8::2 "$bytes"
	no_losses guest0
	stop "$netfront_pid"
	ok tandem network-detach guest0 0
}

# over_switch OPTION0 OPTION1: two guests, each with its offloads
over_switch() {
	local fronts=()
	ok tandem network-attach guest0 "mac=$mac0,backend=drv0,bridge=sw0"
	ok tandem network-attach guest1 "mac=$mac1,backend=drv0,bridge=sw0"
	netfront_start guest0 --offload "$1" || return
	fronts+=("$netfront_pid")
	netfront_start guest1 --offload "$2" || return
	fronts+=("$netfront_pid")
	address guest0 eth0 2
	address guest1 eth0 3
	transfer "switch, $1 to $2" guest0 guest1 192.0.2.3 "$bytes"
	transfer "switch, $2 to $1" guest1 guest0 2001:db8::2 "$bytes"
	no_losses guest0 guest1
	for netfront_pid in "${fronts[@]}"; do
		stop "$netfront_pid"
	done
	ok tandem network-detach guest0 0
	ok tandem network-detach guest1 0
}

net_start
netback_start --workers 2 --switch sw0
over_tap
over_tap --offload "$none"
over_tap --queues 4 --hash
over_switch sg=on sg=on
over_switch sg=on "$none"
is "lines of the programs" "" "$(cat "$work"/{netback,guest0,guest1}.err)"
finish
