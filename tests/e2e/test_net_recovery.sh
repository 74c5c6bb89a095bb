#!/bin/bash
# SPDX-License-Identifier: MIT
# kill -9 under iperf3: of netback, and the stream goes on with the next one; of
# netfront, and the vif is there for the next one; of the hypervisor, and everybody
# ends with one line. KILLS (8): of netback. Prints the pauses.
# shellcheck source=tests/lib/netns.sh
. "$(dirname "$0")/../lib/netns.sh"
needs iperf3 jq ping
kills=${KILLS:-8} port=5200

# The guests' other side is a second guest: a tap of the backend's goes with it.
back_start() { netback_start --workers 2 --switch sw0; }
state() { [ "$(vif "$1" .state_name)" = "$2" ]; }
reaches() { inside guest0 ping -q -c 1 -W 1 192.0.2.3 >/dev/null 2>&1; }
again() { [ "$(grep -c 'connected again' "$work/guest0.err")" -ge "$1" ]; }

# bytes_in: what guest1's interface has received
bytes_in() { ip -n guest1 -s -j link show eth0 | jq '.[0].stats64.rx.bytes'; }
flows() { (($(bytes_in) > $1 + 1000000)); }

# stream OPTION...: iperf3 of guest0 in the background, in $iperf, to a server of
# its own: one whose client has gone without a word goes on waiting for it
stream() {
	local at
	port=$((port + 1))
	iperf3_serve guest1 $port
	at=$(bytes_in)
	background nsenter --net=/run/netns/guest0 iperf3 -c 192.0.2.3 -p $port -t 60 "$@" \
		>"$work/json" 2>/dev/null
	iperf=$bg
	wait_for 10 flows "$at" || fail "iperf3 does not start"
}

netback_killed() {
	local i start at
	stream -J
	for ((i = 0; i < kills; i++)); do
		sleep "0.$((RANDOM % 20 + 10))"
		start=${EPOCHREALTIME/./}
		kill -9 "$netback_pid"
		wait "$netback_pid" 2>/dev/null
		at=$(bytes_in)
		back_start
		wait_for 20 flows "$at" || {
			fail "kill $((i + 1)): no packet for 20 s: $(cat "$work"/*.err)"
			break
		}
		echo $((${EPOCHREALTIME/./} - start)) >>"$work/pauses"
	done
	kill -0 "$iperf" 2>/dev/null || fail "iperf3 ended: $(cat "$work/json")"
	stop "$iperf"
	is "iperf3 until it was interrupted" "interrupt - the client has terminated" \
		"$(jq -r .error "$work/json")"
	sort -n "$work/pauses" | awk '{ p[NR] = $1 / 1000 }
		END { printf "%d kills of netback: from kill -9 to 1 MB of the stream, restart " \
			"included: p50 %.0f ms, max %.0f ms\n", NR, p[int((NR + 1) / 2)], p[NR] }'
}

netfront_killed() {
	local i
	for i in 1 2 3; do
		stream
		kill -9 "$front0"
		wait "$front0" 2>/dev/null
		stop "$iperf"
		netfront_start guest0 || return
		front0=$netfront_pid
		address guest0 eth0 2
		checks=$((checks + 1))
		wait_for 10 reaches || fail "netfront killed, $i: no packet gets through"
	done
}

# one_line FILE PID: that process ends with one line more there
one_line() {
	ended "$2"
	is "$1: status" 2 "$status"
	is "$1: lines" 1 "$(wc -l <"$work/$1")"
	echo "$1: $(cat "$work/$1")"
}

hvd_killed() {
	stream
	is "lines before" "" "$(cat "$work/netback.err")"
	: >"$work/netback.err"
	: >"$work/guest0.err"
	: >"$work/guest1.err"
	kill -9 "$hvd_pid"
	wait "$hvd_pid" 2>/dev/null
	one_line netback.err "$netback_pid"
	one_line guest0.err "$front0"
	one_line guest1.err "$front1"
	stop "$iperf"
}

net_start
back_start
ok tandem network-attach guest0 "mac=$mac0,backend=drv0,bridge=sw0"
ok tandem network-attach guest1 "mac=$mac1,backend=drv0,bridge=sw0"
netfront_start guest0
front0=$netfront_pid
netfront_start guest1
front1=$netfront_pid
address guest0 eth0 2
address guest1 eth0 3
netback_killed
netfront_killed
hvd_killed
finish
