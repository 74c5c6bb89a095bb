#!/bin/bash
# SPDX-License-Identifier: MIT
# iperf3 through netfront and netback: TCP and UDP, one and four streams, both
# ways, IPv4 and IPv6, each MTU and each offload on and off, several queues.
# What was negotiated away is reported, and nothing else is.
#
# NET_FULL=1: every combination (minutes); otherwise each value and each pair
# of an offload with a protocol, a way and a version of IP.
# shellcheck source=tests/lib/netns.sh
. "$(dirname "$0")/../lib/netns.sh"
needs iperf3 jq ethtool

keys=(sg csum csum6 tso4 tso6)

# active WAY OFFLOADS: the keys that are left on when OFFLOADS are off; a large
# segment wants its checksum blank and several slots
active() {
	local way=$1 off=",$2," k left=''
	for k in "${keys[@]}"; do
		[[ $off == *",$k=off,"* || $off == *",$way-$k=off,"* ]] && continue
		case $k in
		tso4) [[ $left == *'sg '* && $left == *'csum '* ]] || continue ;;
		tso6) [[ $left == *'sg '* && $left == *'csum6 '* ]] || continue ;;
		esac
		left+="$k "
	done
	echo "${left% }"
}

# info WAY: the keys that --info reported as on
info() { sed -n "s/^$1-\([a-z0-9]*\): on\$/\1/p" "$work/info" | tr '\n' ' ' | sed 's/ $//'; }

# negotiated OFFLOADS: the report of the frontend, and the toolstack's
negotiated() {
	local way k
	for way in tx rx; do
		is "--info, $way of ${1:-all}" "$(active $way "$1")" "$(info $way)"
		for k in "${keys[@]}"; do
			[[ ",$1," == *",$k=off,"* || ",$1," == *",$way-$k=off,"* ]] || continue
			is "$way-$k" "$way-$k: off [requested off]" "$(grep "^$way-$k:" "$work/info")"
		done
	done
	is "network-list" "$(active rx "$1" | tr ' ' '\n' | sort | tr '\n' ' ')" \
		"$(vif guest0 '.to_guest | sort | join(" ") + " "')"
}

# A tap knows one checksum for both versions of IP: it is on if the vif takes either, and
# netfront fills in the other.
tap_offers() {
	local on features k word
	on=$(active tx "$1")
	[[ $on != *csum* ]] || on+=' any'
	features=$(inside guest0 ethtool -k eth0)
	for k in any:tx-checksum-ip-generic tso4:tx-tcp-segmentation tso6:tx-tcp6-segmentation; do
		word=off
		[[ " $on " != *" ${k%%:*} "* ]] || word=on
		matches "the tap with ${1:-all offloads}" "${k#*:}: $word" "$features"
	done
}

# run PROTOCOL STREAMS WAY IP: one iperf3 that must move all and say no error
run() {
	local to=192.0.2.1 args=(-J -P "$2") got
	[ "$4" = 4 ] || to=2001:db8::1
	[ "$3" = out ] || args+=(-R)
	if [ "$1" = tcp ]; then
		args+=(-n 40M)
	else
		args+=(-u -b "$((200 / $2))M" -n 4M)
	fi
	# a receiver that gets no CPU loses datagrams, but not each time
	for _ in 1 2 3; do
		inside guest0 timeout 20 iperf3 -c $to "${args[@]}" >"$work/json"
		got=$(jq -r --arg p "$1" '
			if .error then .error
			elif $p == "tcp" then
				if .end.sum_received.bytes >= 20e6 then "all"
				else .end.sum_received.bytes end
			elif .end.sum.packets > 0 and .end.sum.lost_percent < 50 then "all"
			else "lost \(.end.sum.lost_packets) of \(.end.sum.packets)" end' "$work/json" 2>&1)
		[[ $got = lost* ]] || break
	done
	is "iperf3 $* with ${offloads:-all offloads}, MTU $mtu" all "$got"
	runs=$((runs + 1))
}

# runs_of PHASE: eight runs with each pair of protocol, way and IP; streams alternate
runs_of() {
	local p w v streams n=$1
	for p in tcp udp; do
		for w in out in; do
			for v in 4 6; do
				streams=$((n++ % 2 ? 4 : 1))
				run $p $streams $w $v
				[ -z "${NET_FULL:-}" ] || run $p $((5 - streams)) $w $v
			done
		done
		n=$((n + 1))
	done
}

# guest OPTION...: the report, then the tap
guest() {
	ok "$TANDEM_NETFRONT" --domain guest0 --info "$@"
	cp "$work/out" "$work/info"
	netfront_start guest0 "$@" || return
	address guest0 eth0 2
}

# link MTU OFFLOADS PHASE
link() {
	local mtu=$1 offloads=$2 usable=$1
	ok tandem network-attach guest0 "mac=$mac0,backend=drv0,port=tap,vifname=vif0,mtu=$mtu"
	address drv0 vif0 1
	guest ${offloads:+--offload "$offloads"} || exit 1
	negotiated "$offloads"
	tap_offers "$offloads"
	# a larger packet wants several slots, both ways
	[[ $offloads != *sg=off* ]] || usable=1500
	is "MTU" "mtu: $usable" "$(grep ^mtu "$work/info")"
	runs_of "$3"
	is "packets with errors" 0 "$(vif guest0 '.stats | .tx_errors + .rx_errors')"
	stop "$netfront_pid"
	is "netfront's status" 0 "$status"
	ok tandem network-detach guest0 0
}

# several QUEUES OPTION...: queues of the vif, all of the tap's and the report's
several() {
	local queues=$1 mtu=1500 offloads=''
	shift
	ok tandem network-attach guest0 "mac=$mac0,backend=drv0,port=tap,vifname=vif0"
	address drv0 vif0 1
	guest --queues "$queues" "$@" || exit 1
	is "queues" "$queues" "$(vif guest0 .queues)"
	matches "queues" "^queues: $queues " "$(grep ^queues "$work/info")"
	is "hash" "toeplitz-hash: $([[ $* == *--hash* ]] && echo on || echo off)" \
		"$(grep ^toeplitz "$work/info")"
	run tcp 4 out 4
	run tcp 4 in 6
	run udp 4 in 4
	stop "$netfront_pid"
	ok tandem network-detach guest0 0
}

net_start
netback_start --workers 2
iperf3_serve drv0
runs=0 phase=0
for off in '' sg=off,csum=off,csum6=off,tso4=off,tso6=off {tx,rx}-{sg,csum,csum6,tso4,tso6}=off; do
	for mtu in 9000 1500; do
		[ -n "${NET_FULL:-}" ] || (((phase + (mtu == 1500)) % 2 == 0)) || continue
		link $mtu "$off" $phase
	done
	phase=$((phase + 1))
done
several 2
several 4 --hash
stop "$netback_pid"
is "netback's status" 0 "$status"
is "lines of the programs" "" "$(cat "$work"/{netback,guest0}.err)"
echo "$runs runs of iperf3"
finish
