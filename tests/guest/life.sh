#!/bin/bash
# SPDX-License-Identifier: MIT
# The life of a VM by the verbs of tandem.
# shellcheck source=tests/guest/life-lib.sh
. "$(dirname "$0")/life-lib.sh"
needs readelf

looks() {
	create
	is "list" '16 1' "$(field memory) $(field vcpus)"
	becomes "it polls" 'r-----'
	matches "list's text" 'g +[0-9]+ +16 +1 +r----- +[0-9.]+' "$(tandem list)"
	is "memory that was never touched" true "$(field 'resident | . > 0 and . < 8000000')"
	is "exits" true "$(json '.[0].exits | .send > 0 and .mmio == 0 and length > 10' \
		tandem vcpu-list g --json)"
	is "vcpu-list" 'g 0' "$(json '.[0] | "\(.name) \(.vcpu)"' tandem vcpu-list g --json)"
	matches "vcpu-list's text" 'g +[0-9]+ +0 +[0-9]+ +r-- .*all / all' "$(tandem vcpu-list)"
	matches "top" 'g +r----- .* 16384 +1 +0 ' "$(tandem top -b -n 1 -d 0.3)"
	is "its uuid" 01234567-89ab-cdef-0123-456789abcdef \
		"$(xenstore-read /vm/01234567-89ab-cdef-0123-456789abcdef/uuid)"
	is "whose key is the guest's to read" "n0,r$(tandem domid g)" \
		"$(tree | sed -n 's/.*[0-9]\/vm = .*(\(.*\))/\1/p')"
	bad 'already' tandem create "$work/g.cfg"
}

console() {
	wait_for 10 grep -q UP "$TANDEM_DIR/log/g.console"
	types hi
	is "what was there before, and the echo" $'UP\nhi' "$(cat "$work/typed")"
	(sleep 1.5 && printf '\x1d') | timeout 10 "$TANDEM" console g >"$work/other" &
	sleep 0.3
	types $'de\x1dnot this'
	wait $!
	is "a second viewer" $'UP\nhide' "$(cat "$work/other")"
	is "the log" $'UP\nhide' "$(cat "$TANDEM_DIR/log/g.console")"
	bad 'no console' tandem console 0
}

pausing() {
	local time
	ok tandem pause g
	ok tandem pause g
	is "paused" --p--- "$(field state)"
	time=$(field 'time | floor')
	types xyz 1.5
	is "its time stands still" "$time" "$(field 'time | floor')"
	ok tandem dump-core g "$work/core"
	bad 'File exists' tandem dump-core g "$work/core"
	matches "its registers" 'NT_PRSTATUS' "$(readelf -n "$work/core" 2>&1)"
	is "no complaint" "" "$(readelf -hln "$work/core" 2>&1 >/dev/null)"
	matches "its memory" 'LOAD .* 0x1000000 0x1000000 RWE' "$(readelf -lW "$work/core")"
	is "still paused" --p--- "$(field state)"
	ok tandem unpause g
	wait_for 10 grep -q xyz "$TANDEM_DIR/log/g.console" || fail "it does not go on"
	bad 'is no VM' tandem pause 0
	bad "no domain 'nope'" tandem unpause nope
}

reboots() {
	local before after
	ok tandem destroy g
	ends destroy
	create "disk=['backend=drv0,backendtype=ram,vdev=xvda,target=4M']"
	before=$(tandem domid g)
	types r 3
	after=$(tandem domid g)
	[ "$after" -gt "$before" ] || fail "domid $after after $before"
	is "the viewer saw both" 2 "$(grep -c UP "$work/typed")"
	is "it has its disk again" 51712 "$(json '.[0].devid' tandem block-list g --json)"
	is "nothing of the first is left" "" "$(tree | grep -E "/${before}[/ ]")"
	types o
	ends "poweroff"
	is "nothing is left" "" "$(tree | grep -E "^/(vm|tandem)|/${after}[/ ]")"
}

crashes() {
	create "on_crash='preserve'"
	types c
	becomes "preserved" '---sc-'
	bad 'has stopped' tandem pause g
	ok tandem dump-core g "$work/crashed"
	ok tandem destroy g
	ends "destroy of what is preserved"
	create "on_crash='coredump-destroy'"
	types c
	ends "coredump-destroy"
	matches "the core" 'NT_PRSTATUS' "$(readelf -n "$work/g.core" 2>&1)"
	matches "is spoken of" "its core is in $work/g.core" "$(tandem dmesg)"
	create "on_watchdog='destroy'" "on_crash='preserve'"
	types w
	ends "watchdog"
}

floods() {
	local size
	create
	types f 0.2
	sleep 3
	ok timeout 10 "$TANDEM" info
	size=$(du -sb "$TANDEM_DIR/log" | cut -f1)
	[ "$size" -lt 4000000 ] || fail "$size bytes of logs"
	timeout 10 "$TANDEM" console g </dev/null >"$work/flood" & # reads
	ok timeout 10 "$TANDEM" pause g
	ok timeout 10 "$TANDEM" destroy g
	wait $!
	[ "$(wc -c <"$work/flood")" -gt 1000 ] || fail "nothing to see"
	ends "destroy of one that floods"
}

# Whoever of them ends, nothing stays.
deaths() {
	local vm keeper
	for who in vm keeper hvd; do
		create
		vm=$(field pid)
		keeper=$(ppid "$vm")
		case $who in
		vm) kill -9 "$vm" ;;
		keeper) kill "$keeper" ;;
		hvd) kill -9 "$hvd_pid" ;;
		esac
		[ $who = hvd ] || ends "death of $who"
		wait_for 20 dead "$vm" || fail "$who: tandem-vm is left"
		wait_for 20 dead "$keeper" || fail "$who: its keeper is left"
		[ $who = hvd ] || is "$who: sockets" "" "$(ls "$TANDEM_DIR/vm")"
	done
}

hvd_start
ok tandem create drv0
blkback_start drv0
looks
console
pausing
reboots
crashes
floods
create --paused
is "created paused" --p--- "$(field state)"
ok tandem destroy g
deaths
finish
