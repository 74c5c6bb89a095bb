#!/bin/bash
# SPDX-License-Identifier: MIT
# Two guests and an outside network on one switch: DHCP, who reaches whom, broadcast,
# isolated guests, VLANs. Then on a Linux bridge.
# shellcheck source=tests/lib/netns.sh
. "$(dirname "$0")/../lib/netns.sh"
needs dnsmasq udhcpc ping jq python3 tshark dumpcap

reaches() { inside "$1" ping -q -c 1 -W "${3:-5}" "$2" >/dev/null 2>&1; }
# reach FROM ADDRESS; no_reach FROM ADDRESS
reach() {
	checks=$((checks + 1))
	reaches "$@" || fail "$1 does not reach $2"
}
no_reach() {
	checks=$((checks + 1))
	! reaches "$1" "$2" 1 || fail "$1 reaches $2"
}

# What udhcpc calls with what it was given.
cat >"$work/lease" <<-'EOS'
	#!/bin/sh
	[ "$1" != bound ] || ip address add "$ip/$mask" dev "$interface"
EOS
chmod +x "$work/lease"

# dhcp INTERFACE: serves addresses there
dhcp() {
	background nsenter --net=/run/netns/drv0 dnsmasq --no-daemon --port=0 --no-ping \
		--conf-file=/dev/null --interface="$1" --bind-interfaces \
		--dhcp-leasefile="$work/leases" \
		--dhcp-range=192.0.2.100,192.0.2.150,255.255.255.0,1h 2>"$work/dnsmasq"
	dnsmasq_pid=$bg
}

# lease GUEST: the address that it gets by DHCP, in $leased
lease() {
	inside "$1" timeout 20 udhcpc -i eth0 -n -q -f -t 8 -T 1 -s "$work/lease" \
		>"$work/udhcpc" 2>&1 || fail "$1: no lease: $(cat "$work/udhcpc" "$work/dnsmasq")"
	leased=$(ip -n "$1" -j address show eth0 |
		jq -r '.[0].addr_info[] | select(.family == "inet").local')
	matches "$1: its lease" '^192\.0\.2\.1[0-9][0-9]$' "$leased"
}

# guests KEYS0 KEYS1: both, with so much more in their strings
guests() {
	fronts=()
	ok tandem network-attach guest0 "mac=$mac0,backend=drv0,$1"
	ok tandem network-attach guest1 "mac=$mac1,backend=drv0,$2"
	netfront_start guest0
	fronts+=("$netfront_pid")
	netfront_start guest1
	fronts+=("$netfront_pid")
}

no_guests() {
	for netfront_pid in "${fronts[@]}"; do
		stop "$netfront_pid"
	done
	ok tandem network-detach guest0 0
	ok tandem network-detach guest1 0
}

fixed() {
	ip -n guest0 address flush dev eth0 scope global
	ip -n guest1 address flush dev eth0 scope global
	address guest0 eth0 2
	address guest1 eth0 3
}

# leases INTERFACE: everything by DHCP on that network
leases() {
	local a b
	address drv0 "$1" 1
	dhcp "$1"
	lease guest0
	a=$leased
	lease guest1
	b=$leased
	[ "$a" != "$b" ] || fail "both guests got $a"
	reach guest0 192.0.2.1
	reach guest1 192.0.2.1
	reach guest0 "$b"
	reach drv0 "$a"
	reach drv0 "$b"
	stop "$dnsmasq_pid"
}

all_reach() {
	reach guest0 192.0.2.3
	reach guest1 2001:db8::2
	reach guest0 2001:db8::1
	reach drv0 2001:db8::3
	# one question to all: both others answer
	for n in drv0 guest0 guest1; do
		inside $n sh -c 'echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_broadcasts'
	done
	is "broadcast" "192.0.2.1 192.0.2.3" "$(inside guest0 ping -b -c 2 -W 1 192.0.2.255 2>/dev/null |
		sed -n 's/.*from \([0-9.]*\):.*/\1/p' | grep -v '\.2$' | sort -u | tr '\n' ' ' | sed 's/ $//')"
}

on_switch() {
	netback_start --workers 2 --switch sw0,uplink=tap:up0
	wait_for 10 carrier drv0 up0 || fail "no uplink"
	guests bridge=sw0 bridge=sw0
	leases up0
	fixed
	all_reach
	transfer "guest to outside" guest0 drv0 192.0.2.1 $((16 << 20))
	transfer "outside to guest" drv0 guest1 2001:db8::3 $((16 << 20))
	no_guests
	# isolated ones reach the uplink only
	guests bridge=sw0,isolated=1 bridge=sw0,isolated=1
	fixed
	reach guest0 192.0.2.1
	reach drv0 2001:db8::3
	no_reach guest0 192.0.2.3
	no_reach guest1 2001:db8::2
	no_guests
}

vlans() {
	guests bridge=sw0,vlan=10 bridge=sw0,vlan=20
	fixed
	no_reach guest0 192.0.2.3
	no_reach guest0 192.0.2.1
	# outside, a tag tells whose it is
	background nsenter --net=/run/netns/drv0 timeout 10 dumpcap -q -i up0 -c 1 \
		-f "ether src $mac0 and vlan 10 and dst host 192.0.2.9" -w "$work/tagged.pcap" 2>"$work/dumpcap"
	wait_for 5 test -s "$work/tagged.pcap" || fail "dumpcap: $(cat "$work/dumpcap")"
	no_reach guest0 192.0.2.9
	ended "$bg"
	is "outside" "10 192.0.2.9" "$(tshark -r "$work/tagged.pcap" -T fields -E separator=' ' \
		-e vlan.id -e arp.dst.proto_ipv4 2>/dev/null)"
	ip -n drv0 address flush dev up0
	if ip -n drv0 link add up10 link up0 type vlan id 10 2>/dev/null; then
		address drv0 up10 1
		reach guest0 192.0.2.1
		reach drv0 2001:db8::2
		no_reach guest1 192.0.2.1
		transfer "tagged" guest0 drv0 192.0.2.1 $((16 << 20))
		ip -n drv0 link del up10
	else
		echo "this kernel has no VLAN interfaces: tags are looked at only"
	fi
	no_guests
	guests bridge=sw0,vlan=10 bridge=sw0,vlan=10
	fixed
	reach guest0 192.0.2.3
	no_guests
	stop "$netback_pid"
}

on_bridge() {
	ip -n drv0 link add br0 type bridge forward_delay 0 && ip -n drv0 link set br0 up
	netback_start
	wait_for 10 tandem network-attach guest0 backend=drv0,port=sink
	ok tandem network-detach guest0 0
	guests bridge=br0 bridge=br0
	leases br0
	fixed
	all_reach
	transfer "bridge" guest0 guest1 192.0.2.3 $((16 << 20))
	no_guests
	stop "$netback_pid"
}

net_start
on_switch
vlans
on_bridge
is "lines of the programs" "" "$(cat "$work"/{netback,guest0,guest1}.err)"
finish
