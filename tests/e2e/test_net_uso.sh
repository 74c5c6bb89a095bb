#!/bin/bash
# SPDX-License-Identifier: MIT
# Large UDP packets (UDP_SEGMENT) through netfront and netback, both ways: the kernel
# hands them over whole, and they are cut in front of the ring. Every byte of every
# datagram is checked, with each checksum on and off, and with USO turned off at
# each end. iperf3's UDP, which has none, goes on as it did.
#
# NET_SECONDS: measures for so long each, too: datagrams a second, with and without.
# shellcheck source=tests/lib/netns.sh
. "$(dirname "$0")/../lib/netns.sh"
needs python3 iperf3 jq ethtool
: "${UDPGSO:?}"
port=6000 any_order=''

# send FROM TO ADDRESS SIZE LAST COUNT MESSAGES [SECONDS]: what both ends say is in
# $work/received and $work/sent
send() {
	local from=$1 to=$2 address=$3 pid
	shift 3
	port=$((port + 1))
	: >"$work/received"
	nsenter --net=/run/netns/"$to" "$UDPGSO" recv $port >"$work/received" 2>&1 &
	pid=$!
	pids+=("$pid")
	wait_for 10 grep -q ready "$work/received" || fail "no receiver: $(cat "$work/received")"
	inside "$from" timeout 60 "$UDPGSO" send "$address" $port "$@" >"$work/sent" 2>&1
	ended $pid
}

# moves WHAT FROM TO ADDRESS SIZE LAST COUNT MESSAGES: every datagram arrives, as it
# was and in order; of several queues the kernel chooses another one as it learns
moves() {
	local what="$1, $2 to $4, $5/$6 x $7" count=$7
	shift
	((count)) || count=44
	send "$@"
	is "$what" "$((count * $7)) datagrams, 0 bad, 0 out of order" "$(cat "$work/sent")"
	[ -z "$any_order" ] || sed -i 's/[0-9]* out of/0 out of/' "$work/received"
	is "$what" "$(cat "$work/sent")" "$(sed -n 2p "$work/received")"
}

# both WHAT SIZE LAST COUNT MESSAGES: both ways, IPv4 and IPv6
both() {
	local what=$1
	shift
	moves "$what" guest0 drv0 192.0.2.1 "$@"
	moves "$what" guest0 drv0 2001:db8::1 "$@"
	moves "$what" drv0 guest0 192.0.2.2 "$@"
	moves "$what" drv0 guest0 2001:db8::2 "$@"
}

# sent NAMESPACE INTERFACE: packets that its kernel handed over
sent() { ip -n "$1" -s -j link show "$2" | jq '.[0].stats64.tx.packets'; }

# whole WHAT FROM INTERFACE TO ADDRESS YES: are 100 messages 100 packets to the tap?
whole() {
	local before now
	before=$(sent "$2" "$3")
	send "$2" "$4" "$5" 1400 1400 40 100
	now=$(($(sent "$2" "$3") - before))
	if [ "$6" = on ]; then
		is "$1: packets for 100 messages: $now" 1 $((now >= 100 && now < 140))
	else
		is "$1: packets for 4000 datagrams: $now" 1 $((now >= 4000))
	fi
}

# link PORT [OPTION...]: the vif by PORT, with netfront's options
link() {
	local by=$1
	shift
	ok tandem network-attach guest0 "mac=$mac0,backend=drv0,port=$by,vifname=vif0${mtu:+,mtu=$mtu}"
	netfront_start guest0 --verbose "$@" || exit 1
	address guest0 eth0 2
	address drv0 vif0 1
}

unlink_vif() {
	is "$1: errors" 0 "$(vif guest0 '.stats | .tx_errors + .rx_errors + .tx_dropped_port')"
	stop "$netfront_pid"
	is "netfront's status" 0 "$status"
	ok tandem network-detach guest0 0
}

# says FROM-GUEST TO-GUEST: what each end and its tap report
says() {
	matches "netfront's report" "tx-uso: $1" "$(grep ^tx-uso "$work/guest0.out")"
	is "network-list" "$([ "$2" = on ] && echo true || echo false)" "$(vif guest0 .port_uso)"
	matches "the guest's tap" "tx-udp-segmentation: ${1%% *}" "$(inside guest0 ethtool -k eth0)"
	matches "the backend's tap" "tx-udp-segmentation: $2" "$(inside drv0 ethtool -k vif0)"
}

# udp WHAT: iperf3 both ways, which sends datagrams one by one
udp() {
	local way got
	for way in '' -R; do
		# a receiver that gets no CPU loses datagrams, but not each time
		for _ in 1 2 3; do
			inside guest0 timeout 20 iperf3 -c 192.0.2.1 -u -b 100M -n 4M -J ${way:+$way} >"$work/json"
			got=$(jq -r '
				if .error then .error
				elif .end.sum.packets > 0 and .end.sum.lost_percent < 50 then "all"
				else "lost \(.end.sum.lost_packets)" end' "$work/json" 2>&1)
			[[ $got = lost* ]] || break
		done
		is "iperf3 -u $way, $1" all "$got"
	done
}

# rate WHAT FROM TO ADDRESS: a line, not a verdict
rate() {
	send "$2" "$3" "$4" 1400 1400 44 1000000000 "$NET_SECONDS"
	echo "$1: $(tail -n 1 "$work/received")"
}
rates() {
	[ -n "${NET_SECONDS:-}" ] || return 0
	rate "$1, out" guest0 drv0 192.0.2.1
	rate "$1, in" drv0 guest0 192.0.2.2
}

net_start
netback_start --workers 2
iperf3_serve drv0

mtu=''
link tap
if grep -q 'tx-uso: off \[not offered\]' "$work/guest0.out"; then
	echo "this kernel's taps have no USO (Linux 6.2)"
	exit 77
fi
says on on
whole "from guest" guest0 eth0 drv0 192.0.2.1 on
whole "to guest" drv0 vif0 guest0 192.0.2.2 on
both "all on" 1400 1400 44 200
both "short last" 1371 9 47 200
both "small" 48 33 64 100
both "smallest" 8 8 60 100
both "one by one" 1400 1400 0 20
transfer "TCP between" guest0 drv0 192.0.2.1 8000000
transfer "TCP between" drv0 guest0 2001:db8::2 8000000
both "after TCP" 1400 700 44 100
udp "USO on"
rates "USO on"
unlink_vif "all on"

link 'tap;uso=off' --offload uso=off
says 'off \[requested off\]' off
whole "from guest" guest0 eth0 drv0 192.0.2.1 off
whole "to guest" drv0 vif0 guest0 192.0.2.2 off
both "USO off" 1371 9 44 100
udp "USO off"
rates "USO off"
unlink_vif "USO off"

# checksums that one end does not take are filled in
for off in csum csum6 tx-csum6 rx-csum; do
	link tap --offload $off=off
	says on on
	both "$off off" 1371 10 44 50
	unlink_vif "$off off"
done
for off in csum=off,csum6=off tx-sg=off; do
	link tap --offload $off
	matches "netfront's report" 'tx-uso: off \[needs another\]' "$(grep ^tx-uso "$work/guest0.out")"
	both "$off" 1371 10 44 50
	unlink_vif "$off"
done
link tap --offload rx-sg=off,tso4=off,tso6=off
says on on
both "no TSO, pages one by one" 1400 1399 44 100
unlink_vif "no TSO"
mtu=9000 any_order=1
link tap --queues 4 --hash
says on on
both "jumbo frames" 8900 77 7 200
both "jumbo frames, small" 1001 77 60 100
unlink_vif "jumbo frames"
mtu=''

stop "$netback_pid"
is "netback's status" 0 "$status"
is "lines of the programs" "" "$(cat "$work"/{netback,guest0}.err)"
finish
