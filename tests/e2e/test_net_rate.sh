#!/bin/bash
# SPDX-License-Identifier: MIT
# What a guest may send: a rate as xl writes it, changed while packets flow; no
# address but its own; and what is dropped for it is counted.
# shellcheck source=tests/lib/netns.sh
. "$(dirname "$0")/../lib/netns.sh"
needs iperf3 jq ping

# speed FROM TO [OPTION...]: what the guest sends within a second, and that it is
# between so many Mbit/s (a burst of an interval and a loaded machine: wide)
speed() {
	local from=$1 to=$2 got
	shift 2
	inside guest0 timeout 20 iperf3 -c 192.0.2.1 -J -t 1 "$@" >"$work/json"
	got=$(jq -r 'if .error then .error else .end.sum_received.bits_per_second / 1e6 | floor end' \
		"$work/json")
	echo "$(vif guest0 .rate) $*: $got Mbit/s"
	checks=$((checks + 1))
	if ! [[ $got =~ ^[0-9]+$ ]] || ((got < from || got > to)); then
		fail "rate $(vif guest0 .rate) $*: $got Mbit/s, not $from to $to"
	fi
}

spoofed() { vif guest0 .stats.tx_spoofed; }
reaches() { inside guest0 ping -q -c 1 -W 1 "$@" >/dev/null 2>&1; }

# dropped WHAT COMMAND...: the command fails, and packets were counted as spoofed
dropped() {
	local what=$1 before
	shift
	before=$(spoofed)
	checks=$((checks + 1))
	! "$@" || fail "$what: gets through"
	(($(spoofed) > before)) || fail "$what: $before spoofed packets before and after"
}

net_start
netback_start --workers 1
iperf3_serve drv0

ok tandem network-attach guest0 \
	"mac=$mac0,backend=drv0,port=tap,vifname=vif0,rate=100Mb/s,antispoof=1,ip=192.0.2.2 2001:db8::2"
netfront_start guest0
address drv0 vif0 1
address guest0 eth0 2
is "nothing was throttled" 0 "$(vif guest0 .stats.tx_throttled)"
speed 60 130
speed 60 130 -u -b 300M
matches "throttled" '^[1-9]' "$(vif guest0 .stats.tx_throttled)"
speed 150 100000 -R
# it changes under a stream that goes on
inside guest0 timeout 20 iperf3 -c 192.0.2.1 -J -t 3 -i 1 >"$work/live" &
live=$!
sleep 1.1
ok tandem network-rate guest0 0 30Mb/s
wait $live
is "live" "true true" "$(jq -r '[.intervals[].sum.bits_per_second / 1e6] |
	"\(.[0] > 60) \(.[2] < 50)"' "$work/live")"
ok tandem network-rate guest0 0 400Mb/s@10ms
speed 200 520
ok tandem network-rate guest0 0 none
speed 600 100000

ok reaches 192.0.2.1
ok reaches 2001:db8::1
is "spoofed" 0 "$(spoofed)"
ip -n guest0 address add 192.0.2.77/24 dev eth0
ip -n guest0 address add 2001:db8::77/64 dev eth0 nodad
dropped "another IPv4 address" reaches -I 192.0.2.77 192.0.2.1
dropped "another IPv6 address" reaches -I 2001:db8::77 2001:db8::1
ip -n guest0 link set eth0 address 00:16:3e:01:02:77
dropped "another Ethernet address" reaches 192.0.2.1
ip -n guest0 link set eth0 address $mac0
ip -n drv0 neigh flush dev vif0
ok wait_for 5 reaches 192.0.2.1
stop "$netfront_pid"
ok tandem network-detach guest0 0
is "lines of the programs" "" "$(cat "$work"/{netback,guest0}.err)"
finish
