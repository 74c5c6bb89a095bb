#!/bin/bash
# SPDX-License-Identifier: MIT
# VLANs of ports that know of none: guests on a Linux bridge and behind packet
# sockets, with all offloads. Who reaches whom, what a listener in between sees, and
# what is counted.
# shellcheck source=tests/lib/netns.sh
. "$(dirname "$0")/../lib/netns.sh"
needs iperf3 ping jq tshark dumpcap python3

macs=("$mac0" "$mac1" 00:16:3e:01:02:05)

# reaches FROM ADDRESS TIME
reaches() { inside "$1" ping -q -c 1 -W "$3" "$2" >/dev/null 2>&1; }
reach() {
	checks=$((checks + 1))
	reaches "$1" "$2" 5 || fail "$1 does not reach $2"
}
no_reach() {
	checks=$((checks + 1))
	! reaches "$1" "$2" 1 || fail "$1 reaches $2"
}

# guest NUMBER KEYS: guestN with so much more in its string, 192.0.2.(N + 2)
guest() {
	ok tandem network-attach "guest$1" "mac=${macs[$1]},backend=drv0,$2"
	netfront_start "guest$1"
	front[$1]=$netfront_pid
	ip -n "guest$1" address flush dev eth0 scope global
	address "guest$1" eth0 $(($1 + 2))
}

no_guest() {
	stop "${front[$1]}"
	ok tandem network-detach "guest$1" 0
}

# listen NAMESPACE INTERFACE FILTER: from now on, into $heard
listen() {
	heard=$work/$1-$2.pcap
	rm -f "$heard"
	background nsenter --net=/run/netns/"$1" timeout 60 dumpcap -q -i "$2" -f "$3" -w "$heard" \
		2>"$work/dumpcap"
	dumpcap_pid=$bg
	wait_for 5 test -s "$heard" || fail "dumpcap: $(cat "$work/dumpcap")"
}

# The listener ends when it has what came: it takes packets out of the kernel a
# few times a second.
listened() {
	sleep 1
	stop "$dumpcap_pid"
}

# heard FIELD...: of each packet that was listened to, one line for those that differ
heard() {
	local f fields=()
	for f in "$@"; do fields+=(-e "$f"); done
	tshark -r "$heard" -T fields -E separator=' ' "${fields[@]}" 2>/dev/null | sort -u
}

# stream WHAT FROM ADDRESS ARGUMENT...: iperf3 for a second
stream() {
	local what=$1 from=$2 to=$3
	shift 3
	checks=$((checks + 1))
	inside "$from" timeout 20 iperf3 -J -t 1 -c "$to" "$@" >"$work/json" 2>"$work/err"
	jq -e '(.error | not) and .end.sum_received.bytes > 4e6' "$work/json" >/dev/null ||
		fail "$what: $(jq -c '.error, .end.sum_received' "$work/json") $(cat "$work/err")"
}

# streams WHAT: between guest0 and guest1, with what the vifs count of them
streams() {
	background nsenter --net=/run/netns/guest1 iperf3 -s >"$work/iperf3" 2>&1
	iperf3_pid=$bg
	wait_for 5 inside guest1 grep -q ' [0:]*:1451 ' /proc/net/tcp6 ||
		fail "no iperf3: $(cat "$work/iperf3")"
	stream "$1, out" guest0 192.0.2.3
	stream "$1, back" guest0 192.0.2.3 -R
	stream "$1, IPv6" guest0 2001:db8::3
	stream "$1, UDP" guest0 192.0.2.3 -u -b 100M
	end_pid "$iperf3_pid"
	is "$1: large segments out of guest0" true "$(vif guest0 '.stats.tx_gso > 100')"
	is "$1: and into guest1" true "$(vif guest1 '.stats.rx_gso > 100')"
	is "$1: no errors" '[0,0,0]' \
		"$(vif guest0 '.stats | [.tx_errors, .rx_errors, .tx_dropped_vlan]')"
	transfer "$1" guest0 guest1 192.0.2.3 $((16 << 20))
}

# What becomes of tags that guest0 itself sends
raw_frames() {
	cat >"$work/raw" <<-'EOS'
		import socket, sys
		s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
		s.bind(("eth0", 0))
		head = bytes.fromhex(sys.argv[1].replace(":", "") + sys.argv[2].replace(":", ""))
		for tag in sys.argv[3:]:
		    s.send(head + bytes.fromhex(tag) + b"\x88\xb5" + b"x" * 50)
	EOS
	listen drv0 br0 "ether src $mac0"
	# a priority is the guest's own affair, a VLAN is not
	inside guest0 python3 "$work/raw" $mac1 $mac0 8100a000 8100000a 81000014 ""
	listened
	is "what is on the bridge" '0 10;5 10;' "$(heard vlan.priority vlan.id | tr '\n' ';')"
	is "tags of the guest's own" 2 "$(vif guest0 .stats.tx_dropped_vlan)"
}

on_bridge() {
	ip -n drv0 link add br0 type bridge forward_delay 0 && ip -n drv0 link set br0 up
	guest 0 bridge=br0,vlan=10
	guest 1 bridge=br0,vlan=10
	guest 2 bridge=br0,vlan=20
	address drv0 br0 1
	listen drv0 br0 "ether src $mac0"
	reach guest0 192.0.2.3
	reach guest1 2001:db8::2
	ok inside guest0 ping -q -c 1 -W 5 -M 'do' -s 1472 192.0.2.3 # all of the MTU
	listened
	is "the tag on the bridge" 10 "$(heard vlan.id)"
	# neither another VLAN nor the host, which has none, and they hear nothing
	listen guest2 eth0 "ether src $mac0 or ether src $mac1"
	no_reach guest0 192.0.2.4
	no_reach guest2 2001:db8::2
	no_reach guest0 192.0.2.1
	no_reach drv0 192.0.2.3
	listened
	is "guest2 hears nothing" "" "$(heard frame.len)"
	matches "and it is counted" '^[1-9]' "$(vif guest2 .stats.rx_dropped_vlan)"
	streams "bridge"
	raw_frames
	no_guest 2
	# a guest that has no VLAN has all of them: it sees what the bridge does
	guest 2 bridge=br0
	reach guest2 192.0.2.1
	listen guest2 eth0 "ether src $mac0"
	no_reach guest0 192.0.2.4
	no_reach guest2 192.0.2.2
	listened
	is "it hears tagged packets alone" 10 "$(heard vlan.id)"
	is "no counters of VLANs" null "$(tandem network-list guest2 --json --stats | jq -c '.[0].stats.rx_dropped_vlan')"
	no_guest 2
	# one that moves into the VLAN belongs to it
	guest 2 bridge=br0,vlan=10
	reach guest2 192.0.2.2
	no_guest 2
	no_guest 1
	no_guest 0
}

# Two packet sockets, a veth pair in between and a third ear there.
on_packet() {
	ip -n drv0 link add up0 type veth peer name up1 &&
		ip -n drv0 link set up0 up && ip -n drv0 link set up1 up
	guest 0 port=packet:up0,vlan=4094
	guest 1 port=packet:up1,vlan=4094
	listen drv0 up1 "ether src $mac0"
	reach guest0 192.0.2.3
	reach guest0 2001:db8::3
	ok inside guest0 ping -q -c 1 -W 5 -M 'do' -s 1472 192.0.2.3
	listened
	is "the tag on the wire" 4094 "$(heard vlan.id)"
	address drv0 up1 1
	no_reach drv0 192.0.2.2
	matches "an untagged packet" '^[1-9]' "$(vif guest0 .stats.rx_dropped_vlan)"
	ip -n drv0 address flush dev up1
	streams "packet sockets"
	no_guest 1
	no_guest 0
}

net_start
netns guest2
ok tandem create guest2
netback_start --workers 2
wait_for 10 tandem network-attach guest0 backend=drv0,port=sink,vlan=1
ok tandem network-detach guest0 0
on_bridge
on_packet
stop "$netback_pid"
is "lines of the programs" "" "$(cat "$work"/{netback,guest0,guest1,guest2}.err)"
finish
