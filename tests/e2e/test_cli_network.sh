#!/bin/bash
# SPDX-License-Identifier: MIT
# The network verbs: both directories as libxl writes them, bad input, and
# backends that misbehave, which the test plays itself by writing their keys.
# shellcheck disable=SC2086 # paths of xenstore contain no blanks
# shellcheck source=tests/lib/common.sh
. "$(dirname "$0")/../lib/common.sh"

mac=00:16:3e:01:02:03

# values DIRECTORY KEY...: on one line; what is absent is -
values() {
	local dir=$1 key value out=''
	shift
	for key in "$@"; do
		value=$(xenstore-read "$dir/$key" 2>/dev/null) || value=-
		out+=" $value"
	done
	echo "${out# }"
}

# keys DIRECTORY
keys() { xenstore-list "$1" | sort | tr '\n' ' ' | sed 's/ $//'; }

vif() { json ".[] | select(.devid == $2) | .$3" tandem network-list "$1" --json; }

attach_and_list() {
	local g b fe be
	g=$(tandem domid guest0) b=$(tandem domid drv0)
	fe=/local/domain/$g/device/vif/0 be=/local/domain/$b/backend/vif/$g/0
	ok tandem network-attach --wait 0 guest0 \
		"mac=$mac,bridge=br0,backend=drv0,rate=1Gb/s,ip=192.0.2.1 2001:db8::1"
	is "frontend: all keys" "backend backend-id handle mac state trusted" "$(keys $fe)"
	is "frontend" "$be $b 1 0 $mac 1" \
		"$(values $fe backend backend-id state handle mac trusted)"
	is "backend: all keys" "bridge frontend frontend-id handle hotplug-status ip mac online rate script state type" \
		"$(keys $be)"
	is "backend" "$fe $g 1 1 /etc/xen/scripts/vif-bridge $mac br0 0 vif 6250000,50000" \
		"$(values $be frontend frontend-id online state script mac bridge handle type rate)"
	is "addresses" "192.0.2.1 2001:db8::1" "$(xenstore-read $be/ip)"
	matches "permissions" "n$g,r$b" "$(tree | grep "$fe ")"
	matches "permissions" "n$b,r$g" "$(tree | grep "$be ")"
	ok tandem network-attach --wait 0 guest0 backend=drv0 port='pcap:/in.pcap;loop=1;x=2' \
		mtu=9000,queues=4 antispoof=1 vlan=100,isolated=0 vifname=v1 untrusted netdev=eth0
	fe=${fe%0}1 be=${be%0}1
	is "tandem's own keys" "pcap /in.pcap loop=1,x=2 4 1 100 0 v1 eth0 9000 - -" \
		"$(values $be port-driver port-target port-options max-queues antispoof \
			vlan isolated vifname gatewaydev mtu bridge script)"
	is "frontend" "1 0 9000" "$(values $fe handle trusted mtu)"
	is "list" "0 $mac br0 1 pcap:/in.pcap" "$(json \
		'"\(.[0].devid) \(.[0].mac) \(.[0].port) \(.[1].devid) \(.[1].port)"' \
		tandem network-list guest0 --json)"
	matches "list" "guest0 +0 +$mac +$b +Initialising +br0 +-" "$(tandem network-list)"
	is "info counts" 2 "$(json .vifs tandem info --json)"
	# the number that is free; the address of Xen's
	ok tandem network-detach guest0 0 --force
	ok tandem network-attach --wait 0 guest0 --json
	is "the lowest number" 0 "$(jq .devid "$work/out")"
	matches "an address of Xen's" '^00:16:3e:[0-7][0-9a-f]:[0-9a-f]{2}:[0-9a-f]{2}$' \
		"$(jq -r .mac "$work/out")"
	is "the default bridge" xenbr0 "$(vif guest0 0 port)"
	ok tandem network-attach --wait 0 guest1 "mac=$mac"
	ok tandem network-detach guest1 "$mac"
	ok tandem network-detach guest0 1
	ok tandem network-detach guest0 0
	is "none is left" 0 "$(json length tandem network-list --json)"
	is "nothing is left" "" "$(tree | grep /vif)"
}

addresses() {
	local n waits=()
	ok tandem network-attach --wait 0 guest0 "mac=$mac,backend=drv0"
	bad "mac $mac: the vif guest0/0 has that address" \
		tandem network-attach --wait 0 guest1 "mac=${mac^^}"
	bad "guest0/0 has that address" tandem network-attach --wait 0 guest0 "mac=$mac,devid=7"
	bad 'guest0 has that device already' tandem network-attach --wait 0 guest0 devid=0
	# what a guest says of its address takes it from nobody
	xenstore-write "/local/domain/$(tandem domid guest0)/device/vif/0/mac" 02:00:00:00:00:09
	ok tandem network-attach --wait 0 guest1 mac=02:00:00:00:00:09
	bad "guest0/0 has that address" tandem network-attach --wait 0 guest1 "mac=$mac"
	# several at once: each has a number and an address
	for n in 1 2 3 4 5 6; do
		tandem network-attach --wait 0 guest0 2>>"$work/errors" &
		waits+=($!)
	done
	wait "${waits[@]}"
	is "at once" "" "$(cat "$work/errors")"
	is "numbers" "0 1 2 3 4 5 6" "$(json 'map(.devid) | sort | map(tostring) | join(" ")' \
		tandem network-list guest0 --json)"
	is "addresses" 7 "$(json 'map(.mac) | unique | length' tandem network-list guest0 --json)"
	# the same address, asked for twice at once: one gets it
	waits=()
	for n in guest0 guest1; do
		tandem network-attach --wait 0 $n mac=02:00:00:00:00:77 2>/dev/null &
		waits+=($!)
	done
	wait "${waits[@]}"
	is "one has it" 1 "$(json 'map(select(.mac == "02:00:00:00:00:77")) | length' \
		tandem network-list --json)"
	ok tandem destroy guest0
	ok tandem destroy guest1
	is "vifs went with their guests" "" "$(tree | grep /vif)"
	ok tandem create guest0
	ok tandem create guest1
}

configs() {
	cat >"$work/n.cfg" <<-EOF
		name = "net0"
		vif = [ 'mac=$mac,bridge=br0', '', 'devid=1,port=sink', 'type=vif' ]
	EOF
	ok tandem create --wait 0 "$work/n.cfg"
	is "numbers" "0 1 2 3" "$(json 'map(.devid) | sort | map(tostring) | join(" ")' \
		tandem network-list net0 --json)"
	is "in order" "$mac sink" "$(vif net0 0 mac) $(vif net0 1 port)"
	bad "net0/0 has that address" tandem create --wait 0 net1 "vif=['mac=$mac']"
	ok tandem destroy net0
	bad 'vif is no list' tandem create g "vif='bridge=br0'"
	bad "unknown key 'brigde'" tandem create g "vif=['brigde=br0']"
	bad 'devid 3 is given twice' tandem create g "vif=['devid=3','devid=3']"
	bad "mac $mac is given to two" tandem create g "vif=['mac=$mac','mac=$mac']"
	bad "no domain 'nope'" tandem create g "vif=['backend=nope']"
	bad 'no backend answered' tandem create --wait 0.1 g "vif=['']"
}

bad_input() {
	local s pattern
	while IFS='|' read -r s pattern; do
		bad "$pattern" tandem network-attach guest0 "$s"
	done <<-'EOF'
		brigde=br0|unknown key 'brigde' with value 'br0'
		br0|'br0' is no key=value
		mac=00:16:3e:01:02|mac '00:16:3e:01:02' is no MAC address
		mac=01:00:5e:00:00:01|multicast address
		mac=02:00:00:00:00:01,mac=02:00:00:00:00:02|mac given twice
		rate=fast|rate 'fast' is no rate.*10Mb/s
		mtu=20|mtu '20' is no number from 68 to 65521
		queues=100|queues '100' is no number from 1 to 16
		vlan=4095|vlan '4095'
		antispoof=on|antispoof 'on' is unknown: 0 or 1
		ip=router|ip 'router' is no address
		bridge=a/b|bridge 'a/b' is no name
		port=veth|port 'veth' is unknown: tap, switch
		port=pcap:in.pcap|has a relative path
		port=sink,bridge=br0|bridge=br0 and port=sink contradict
		type=ioemu|not supported: type=ioemu
		accel=1|not supported: accel
		script=vif-route|not supported: script=vif-route
		backend=nope|there is no domain 'nope'
	EOF
	bad "no domain 'nope'" tandem network-attach nope
	bad 'guest0/0: no backend answered within 0.1 s: does tandem-netback run for domain 0' \
		tandem network-attach --wait 0.1 guest0
	bad "guest0 has no vif 0" tandem network-detach guest0 0
	bad "guest0 has no vif $mac" tandem network-detach guest0 $mac
	bad "'xvda' is no vif" tandem network-detach guest0 xvda
	bad "'-1' is no vif" tandem network-detach guest0 -- -1
	bad "no domain 'nope'" tandem network-list nope
	bad '2 arguments given' tandem network-list a b
	bad "guest0 has no vif 0" tandem network-rate guest0 0 1MB/s
	bad "rate '1M' is no rate: none, or" tandem network-rate guest0 0 1M
	bad "too large" tandem network-rate guest0 0 9999999999B/s
}

rate() {
	local be
	be=/local/domain/0/backend/vif/$(tandem domid guest0)/0
	ok tandem network-attach --wait 0 guest0 mac=$mac
	is "no limit" - "$(values $be rate)"
	ok tandem network-rate guest0 0 10Mb/s@20ms
	is "a limit" 25000,20000 "$(values $be rate)"
	ok tandem network-rate guest0 $mac 1GB/s
	is "another" 50000000,50000 "$(values $be rate)"
	is "listed" 50000000,50000 "$(vif guest0 0 rate)"
	ok tandem network-rate guest0 0 none
	is "none" - "$(values $be rate)"
	ok tandem network-rate guest0 0 none
	xenstore-rm $be
	bad 'no backend has it' tandem network-rate guest0 0 1MB/s
	ok tandem network-detach guest0 0
}

# What both ends wrote, as a person reads it; counters as the backend gives them.
connected() {
	local g fe be
	g=$(tandem domid guest0) fe=/local/domain/$g/device/vif/0 be=/local/domain/0/backend/vif/$g/0
	ok tandem network-attach --wait 0 guest0 mac=$mac
	xenstore-write $be/feature-sg 1 $be/feature-gso-tcpv4 1 $be/feature-gso-tcpv6 0 \
		$fe/feature-sg 1 $fe/feature-no-csum-offload 1 $fe/feature-ipv6-csum-offload 1 \
		$fe/multi-queue-num-queues 2 $fe/queue-0/event-channel-tx 5 $fe/state 4 $be/state 4
	is "agreed" "csum,sg,tso4 sg,csum6 2 true false" "$(json \
		'.[0] | "\(.from_guest | join(",")) \(.to_guest | join(",")) \(.queues) \(.split_event_channels) \(.control_ring)"' \
		tandem network-list guest0 --json)"
	matches "agreed" "Connected +xenbr0 +2 from guest: csum,sg,tso4; to guest: sg,csum6" \
		"$(tandem network-list guest0)"
	is "what the port does" false "$(json '.[0].port_uso' tandem network-list guest0 --json)"
	xenstore-write $be/port-uso 1
	is "what the port does" true "$(json '.[0].port_uso' tandem network-list guest0 --json)"
	matches "what the port does" "to guest: sg,csum6; port: uso" "$(tandem network-list guest0)"
	(wait_for 5 xenstore-read $be/stats-request &&
		xenstore-write $be/stats '{"rx_packets":7,"name":"x"}') &
	matches "counters" 'rx_packets +7' "$(tandem network-list guest0 --stats)"
	wait $!
	xenstore-rm $be/stats-request
	(wait_for 5 xenstore-read $be/stats-request && xenstore-write $be/stats 'no json') &
	is "nonsense for counters" null "$(json '.[0].stats | tostring' \
		tandem network-list guest0 --json --stats)"
	wait $!
	ok tandem network-detach guest0 0 --force
}

# Values and paths that a guest or a driver domain may write.
hostile() {
	local g b fe be path
	g=$(tandem domid guest0) b=$(tandem domid drv0)
	fe=/local/domain/$g/device/vif/0 be=/local/domain/$b/backend/vif/$g/0
	ok tandem network-attach --wait 0 guest0 "backend=drv0,mac=$mac"
	xenstore-write /precious keep
	for path in /precious "/local/domain/$b" "$be/../../.." / "" \
		"/local/domain/0/backend/vif/$g/0"; do
		xenstore-write $fe/backend "$path" $fe/backend-id 0
		is "network-list with backend=$path" "$b" "$(vif guest0 0 backend_id)"
	done
	xenstore-write -- $be/state 4 $be/mac $'x\033[2J' $be/bridge $'\033]0;x\007' \
		$be/mtu -1 $fe/multi-queue-num-queues 99999999999 $be/hotplug-status $'\377'
	is "nonsense" "Connected 1 null" "$(vif guest0 0 state_name) $(vif guest0 0 queues) $(vif guest0 0 mtu)"
	tandem network-list guest0 | grep -q $'[\033\007]' && fail "an escape reached the terminal"
	xenstore-write "${fe%0}nonsense" x "${fe%0}99999999999999" x
	ok tandem network-list
	ok tandem network-detach guest0 0 --force
	is "nothing else went" keep "$(xenstore-read /precious)"
	xenstore-rm /precious
	xenstore-rm "/local/domain/$g/device/vif" 2>/dev/null
	# a device of another type is none
	ok tandem block-attach --wait 0 guest0 'vdev=0,target=/i'
	bad 'guest0 has no vif 0' tandem network-detach guest0 0
	ok tandem block-detach guest0 0
}

# Backends that take a device, refuse it, or say nothing more.
answers() {
	local g be
	g=$(tandem domid guest0) be=/local/domain/0/backend/vif/$g/0
	(wait_for 5 xenstore-read $be/state && xenstore-write $be/state 2) &
	ok tandem network-attach guest0 mac=$mac
	tandem network-detach --wait 0.2 guest0 0 2>"$work/err"
	is "a silent backend" 2 $?
	matches "says so" '--force' "$(cat "$work/err")"
	is "asked to close" "0 5" "$(values $be online state)"
	(sleep 0.2 && xenstore-write $be/state 6) &
	ok tandem network-detach guest0 $mac
	(wait_for 5 xenstore-read $be/state && xenstore-write $be/error 'bridge br7: no such bridge' $be/state 6) &
	bad 'guest0/0: bridge br7: no such bridge' tandem network-attach guest0 bridge=br7
	(wait_for 5 xenstore-read $be/state && xenstore-write $be/state 6) &
	bad 'closed the device' tandem network-attach guest0
}

# The backend itself, with ports that need no rights.
netback() {
	local g be before
	g=$(tandem domid guest0)
	be=/local/domain/$(tandem domid drv0)/backend/vif/$g/0
	netback_start drv0 --allow "$work"
	before=$(tree)
	ok tandem network-attach guest0 "mac=$mac,backend=drv0,port=sink,rate=1Gb/s,queues=2"
	is "taken" "InitWait connected" "$(vif guest0 0 state_name) $(vif guest0 0 hotplug_status)"
	is "offered" "1 1" "$(values $be feature-sg feature-gso-tcpv6)"
	is "counters" true "$(json '.[0].stats | type == "object" and length > 3' \
		tandem network-list guest0 --json --stats)"
	is "the port's counters" 0 "$(json '.[0].stats.port.taken' \
		tandem network-list guest0 --json --stats)"
	matches "the port's counters" 'port\.taken +0' "$(tandem network-list guest0 --stats)"
	ok tandem network-rate guest0 0 10Mb/s
	ok tandem network-rate guest0 0 none
	is "no error" - "$(values $be error)"
	bad "has that address" tandem network-attach guest1 "mac=$mac,port=sink,backend=drv0"
	ok tandem network-detach guest0 "$mac"
	is "nothing is left" "$before" "$(tree)"
	bad 'nonexistent.*No such file' tandem network-attach guest0 \
		"backend=drv0,port=pcap:$work/nonexistent"
	bad 'guest0/0: .*frobnicate' tandem network-attach guest0 \
		"backend=drv0,port=gen;frobnicate=1"
	bad 'guest0/0: ' tandem network-attach guest0 "backend=drv0,port=switch:nosuchswitch"
	ok tandem create net1 "vif=['backend=drv0,port=gen','backend=drv0,port=sink']"
	is "created with vifs" "InitWait InitWait" \
		"$(json 'map(.state_name) | join(" ")' tandem network-list net1 --json)"
	ok tandem destroy net1
	is "nothing is left" "$before" "$(tree)"
	end_pid "$netback_pid"
}

hvd_start
for name in guest0 guest1 drv0; do
	ok tandem create $name
done
attach_and_list
addresses
configs
bad_input
rate
connected
hostile
answers
netback
finish
