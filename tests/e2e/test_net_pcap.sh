#!/bin/bash
# SPDX-License-Identifier: MIT
# A capture file as a vif's other end: tshark reads what a guest sent, and a guest
# receives what a file holds; and what tandem vif-capture took of a vif.
# shellcheck source=tests/lib/netns.sh
. "$(dirname "$0")/../lib/netns.sh"
needs tshark ping jq

# packets FILE FILTER FIELD...: what tshark makes of it, a packet a line
packets() {
	local file=$1 filter=$2 fields=() f
	shift 2
	for f in "$@"; do
		fields+=(-e "$f")
	done
	tshark -n -o ip.check_checksum:TRUE -r "$file" -Y "$filter" -T fields \
		-E separator=' ' "${fields[@]}" 2>"$work/err"
}

start() {
	ok tandem network-attach guest0 "mac=$mac0,backend=drv0,$1"
	netfront_start guest0
	address guest0 eth0 2
	ip -n guest0 neigh replace 192.0.2.1 lladdr "$mac1" dev eth0
}

end() {
	stop "$netfront_pid"
	ok tandem network-detach guest0 0
}

# ping COUNT: nobody answers
ping_out() { inside guest0 ping -q -c "$1" -i 0.01 -W 0.01 -s 1000 192.0.2.1 >/dev/null; }

recorded() {
	start "port=pcap;write=$work/out.pcap"
	ping_out 20
	wait_for 5 holds "$work/out.pcap" 20 || fail "not recorded"
	end
	is "recorded" "$(for ((i = 1; i <= 20; i++)); do
		echo "$mac0 $mac1 192.0.2.2 192.0.2.1 $i 1042"
	done)" "$(packets "$work/out.pcap" icmp eth.src eth.dst ip.src ip.dst icmp.seq frame.len)"
	is "tshark's complaints" "" "$(packets "$work/out.pcap" '_ws.malformed || ip.checksum.bad' frame.number)"
}

# The guest gets its own packets from the file, which another sent now.
replayed() {
	local n=$((50 * $(packets "$work/out.pcap" frame frame.number | wc -l)))
	start "port=pcap:$work/out.pcap;rate=0;loop=50"
	wait_for 10 got $n || fail "of $n packets came $(vif guest0 .stats.rx_packets)"
	end
}

captured() {
	ok tandem network-attach guest0 "mac=$mac0,backend=drv0,port=tap,vifname=vif0"
	netfront_start guest0
	address guest0 eth0 2
	address drv0 vif0 1
	background "$TANDEM" vif-capture guest0/0 "$work/live.pcap" --filter icmp >"$work/summary"
	wait_for 5 test -s "$work/live.pcap" || fail "no capture"
	ok inside guest0 ping -q -c 5 -i 0.05 192.0.2.1
	wait_for 5 holds "$work/live.pcap" 10 || fail "not captured"
	stop "$bg"
	is "captured" "$(for i in 1 2 3 4 5; do
		printf '8 %s\n0 %s\n' $i $i
	done)" "$(packets "$work/live.pcap" icmp icmp.type icmp.seq)"
	end
}

# shellcheck disable=SC2317 # wait_for calls them
holds() { [ "$(packets "$1" icmp frame.number | wc -l)" -ge "$2" ]; }
# shellcheck disable=SC2317
got() { [ "$(vif guest0 .stats.rx_packets)" = "$1" ]; }

net_start
netback_start --workers 1
wait_for 10 tandem network-attach guest0 backend=drv0,port=sink
ok tandem network-detach guest0 0
recorded
replayed
captured
stop "$netback_pid"
is "lines of the programs" "" "$(cat "$work"/{netback,guest0}.err)"
finish
