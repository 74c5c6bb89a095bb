#!/bin/bash
# SPDX-License-Identifier: MIT
# Bad input to the programs of the network path: one line that names what is wrong,
# exit status 2, and nothing left in xenstore.
# shellcheck source=tests/lib/netns.sh
. "$(dirname "$0")/../lib/netns.sh"
needs jq

attach() { tandem network-attach guest0 "backend=drv0,$1"; }
# refused PATTERN COMMAND...: status 2, and the first line matches; behind it a hint
# of argp's where it is a command line, and nothing else
refused() {
	local pattern=$1 status
	shift
	checks=$((checks + 1))
	"$@" 2>"$work/err" >"$work/out"
	status=$?
	[ $status = 2 ] || fail "$*: status $status, not 2"
	[ "$(sed '1d;/^Try .*--help/d;/^information\.$/d' "$work/err")" = "" ] ||
		fail "$*: not one line: $(cat "$work/err")"
	[ ! -s "$work/out" ] || fail "$*: printed: $(cat "$work/out")"
	[[ $(head -n 1 "$work/err") =~ $pattern ]] ||
		fail "$*: <$(cat "$work/err")> does not match <$pattern>"
}
netback() { timeout 10 nsenter --net=/run/netns/drv0 "$TANDEM_NETBACK" "$@"; }
netfront() { timeout 10 nsenter --net=/run/netns/guest0 "$TANDEM_NETFRONT" "$@"; }

# A capture of 14 bytes, the second packet of which is cut off
truncated() {
	printf '\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0'
	printf '\x01\0\0\0\0\0\0\0\x3c\0\0\0\x3c\0\0\0%060d' 0
	printf '\x02\0\0\0\0\0\0\0\x3c\0\0\0\x3c\0\0\0%014d' 0
}

# What only the backend can know: it says so, and the toolstack repeats it.
strings() {
	local s pattern
	while IFS='|' read -r s pattern; do
		bad "$pattern" attach "$s"
	done <<-EOF
		brigde=br0|unknown key 'brigde' with value 'br0'
		mac=00:16:3e:01:02:zz|mac '00:16:3e:01:02:zz' is no MAC address
		rate=100|rate '100' is no rate
		bridge=br9|guest0/0: bridge=br9: there is no such bridge
		bridge=dummy0|guest0/0: bridge=dummy0: this interface is not a bridge
		port=tap,isolated=1|guest0/0: isolated=1: want it with a switch
		port=switch:nope|guest0/0: switch 'nope': there is none of that name; there are: sw0
		port=packet:nope0|guest0/0: target=nope0: there is no such interface
		port=xdp:nope0|guest0/0: target=nope0: there is no such interface
		port=tap;uso=no|guest0/0: options=uso=no: want uso=on or uso=off
		port=tap,vifname=dummy0|guest0/0: vifname=dummy0
		port=pcap:$work/missing.pcap|guest0/0: .*missing.pcap: No such file
		port=pcap:$work/truncated.pcap|guest0/0: .*truncated.pcap: .*truncated
		port=pcap:$work/empty.pcap|guest0/0: .*empty.pcap: .*(truncated|pcap)
		port=pcap:/dev/null|guest0/0: /dev/null: want a regular file
		port=pcap;write=$work/none/out.pcap|guest0/0: .*none/out.pcap: No such file
		port=gen;rate=x|guest0/0: options: 'rate=x' is not understood
		port=fault;inner=nope|guest0/0: options: inner=nope: no such driver
		port=fault;inner=sink;loss=1|guest0/0: options: 'loss=1' is not understood
	EOF
	ok attach "mac=$mac0,port=sink"
	bad "mac $mac0: the vif guest0/0 has that address" \
		tandem network-attach guest1 "mac=$mac0,backend=drv0,port=sink"
	bad "rate 'fast' is no rate" tandem network-rate guest0 0 fast
	bad "filter" tandem vif-capture guest0/0 "$work/out.pcap" --filter 'udp prot 5'
	ok tandem network-detach guest0 0
}

options() {
	refused "want.*--tap" netfront --domain guest0
	refused "offload sg=of" netfront --domain guest0 --tap eth0 --offload sg=of
	refused "offload lro: want sg" netfront --domain guest0 --tap eth0 --offload lro=off
	refused "queues 65" netfront --domain guest0 --info --queues 65
	refused "no domain|nope" netfront --domain nope --info
	refused "guest0.* vif 7|guest0/7" netfront --domain guest0 --vif 7 --info
	refused "domain nope" netback --domain nope
	refused "switch.*a/b" netback --domain guest1 --switch a/b
	refused "nope" netback --domain guest1 --switch sw0,nope=1
	refused "switch.*uplink.*nope" netback --domain guest1 --switch sw0,uplink=nope
	refused "nope0" netback --domain guest1 --switch sw0,uplink=packet:nope0
}

# No backend, or one without the rights: said at once, and within the time given.
without() {
	bad 'guest0/0: no backend answered within 0.3 s: does tandem-netback run for domain' \
		tandem network-attach --wait 0.3 guest0 backend=drv0
	ok tandem network-attach --wait 0 guest0 backend=drv0,port=sink
	refused 'backend' netfront --domain guest0 --info --connect-ms 300
	ok tandem network-detach guest0 0 --force
	# a user of a namespace of his own has no right to taps of ours
	background unshare --user "$TANDEM_NETBACK" --domain drv0 2>>"$work/netback.err"
	bad 'guest0/0: vifname=vif2.0: no permission: a tap is made by root' attach port=tap
	end_pid "$bg"
}

net_start
ip -n drv0 link add dummy0 type veth peer name dummy1
ip -n drv0 link set dummy0 up
# the programs' own command lines
programs() {
	bad "unrecognized option '--wat'" "$TANDEM_NETBACK" --wat
	bad "option '--workers' requires an argument" "$TANDEM_NETBACK" --workers
	bad 'workers x: want a number of at most' "$TANDEM_NETBACK" --workers x
	bad 'x: no such argument' "$TANDEM_NETBACK" x
	bad "domain: whose vif" "$TANDEM_NETFRONT"
	bad 'want one of --tap, --gen, --sink, --info' "$TANDEM_NETFRONT" -d guest0
	bad 'unexpected argument: x' "$TANDEM_HVD" x
}

truncated >"$work/truncated.pcap"
: >"$work/empty.pcap"
without
netback_start --switch sw0
wait_for 10 attach port=sink
ok tandem network-detach guest0 0
strings
options
programs
is "nothing is left" "" "$(tree | grep -E '/vif/[0-9]')"
finish
