#!/bin/bash
# SPDX-License-Identifier: MIT
# A VM that was restored, or has moved, has all that one has that was created: a keeper with
# its console, its keys, its memory and vcpus, and what is to be done at its end.
# shellcheck source=tests/guest/life-lib.sh
. "$(dirname "$0")/life-lib.sh"
: "${TANDEM_NETBACK:?}"
needs zstd python3

save() { suspends tandem save g "$work/g.saved"; }
restore() { ok tandem restore --wait 20 "$work/g.saved" "$@"; }
# Its directories and what stands in them, without what is new in each domain.
keys() {
	local id
	id=$(tandem domid g)
	tree | grep -aE "^/(local/domain/([0-9]+/backend/v[bi][fd]/)?$id|vm)[/ ]" |
		sed -E "s,([/nr])$id([/) ,]),\1N\2,g; s,((front|dom).*id = \")$id\",\1N\"," |
		grep -vE '/(start_time|control/shutdown) = ' | sort
}

alike() {
	local before
	fresh
	create "disk=['backend=drv0,backendtype=ram,vdev=xvda,target=4M']" \
		"vif=['bridge=sw0,backend=drv0,mac=00:16:3e:01:02:03,rate=10Mb/s']"
	said "created" UP
	keys >"$work/before"
	save
	ends "save"
	nothing_left
	cp "$work/g.saved" "$work/vif.saved"
	ok tandem create other "vif=['bridge=sw0,backend=drv0,mac=00:16:3e:01:02:03']"
	bad 'vif 0: vif 0 of domain [0-9]+ has its address' tandem restore "$work/g.saved"
	ok tandem destroy other
	restore --json
	is "what restore prints" "g $(tandem domid g) $(field pid)" \
		"$(jq -r '"\(.name) \(.domid) \(.pid)"' "$work/out")"
	keys >"$work/after"
	is "its keys" "" "$(diff "$work/before" "$work/after")"
	grep -qE '/console/port = "[1-9]' "$work/after" || fail "no console/port"
	is "list" '16 1' "$(field memory) $(field vcpus)"
	becomes "it polls" 'r-----'
	said "woken" $'UP\nWOKE'
	bad 'already' tandem restore "$work/g.saved"
}

cares() {
	local time
	types hi 1
	is "the echo, and what it said since it woke up" $'WOKE\nhi' "$(cat "$work/typed")"
	ok tandem pause g
	is "paused" --p--- "$(field state)"
	time=$(field 'time | floor')
	types xyz 1.5
	is "its time stands still" "$time" "$(field 'time | floor')"
	bad 'is paused' tandem save g "$work/never"
	ok tandem dump-core g "$work/core"
	matches "its registers" NT_PRSTATUS "$(readelf -n "$work/core" 2>&1)"
	ok tandem unpause g
	said "what it missed" $'UP\nWOKE\nhixyz'
	is "vcpu-list" 'g 0' "$(json '.[0] | "\(.name) \(.vcpu)"' tandem vcpu-list g --json)"
}

# It boots again, here and after another time in a file.
reboots() {
	local before
	before=$(tandem domid g)
	types r
	[ "$(tandem domid g)" -gt "$before" ] || fail "domid $(tandem domid g) after $before"
	said "booted again" $'UP\nWOKE\nhixyzUP'
	keys >"$work/after"
	is "its keys" "" "$(diff "$work/before" "$work/after")"
	is "nothing of the first is left" "" "$(tree | grep -E "/${before}[/ ]")"
	save
	restore
	said "woken once more" $'UP\nWOKE\nhixyzUP\nWOKE'
	types r
	said "and booted" $'UP\nWOKE\nhixyzUP\nWOKE\nUP'
	types o
	ends "poweroff"
	nothing_left
}

ends_as_said() {
	fresh
	create "on_crash='preserve'" "on_poweroff='restart'" "on_reboot='destroy'"
	save
	restore
	types o
	said "on_poweroff" $'UP\nWOKE\nUP'
	save
	restore
	types c
	becomes "on_crash" '---sc-'
	bad 'has stopped' tandem save g "$work/never"
	ok tandem destroy g
	# a kernel's name that is good in one directory alone
	cp "$GUEST" "$work/kernel"
	pushd "$work" >/dev/null || exit
	fresh
	create "kernel='kernel'" "on_reboot='restart'"
	popd >/dev/null || exit
	said "from there" UP
	save
	restore
	types r
	said "and from here" $'UP\nWOKE\nUP'
	ok tandem destroy g
	create "on_reboot='destroy'" "on_crash='coredump-destroy'"
	save
	restore
	types r
	ends "on_reboot"
	restore
	types c
	ends "on_crash"
	matches "its core" NT_PRSTATUS "$(readelf -n "$work/g.core" 2>&1)"
}

limits() { echo "$(key memory/target) $(key memory/max) $(key memory/static-max)"; }
vcpus() { for i in 0 1 2; do key cpu/$i/availability; done | xargs; }
# Less memory than it may have, vcpus that are away, and limits of another's making.
parts() {
	fresh
	create "memory=16" "maxmem=32" "vcpus=1" "maxvcpus=3"
	ok tandem mem-max g 30m
	types b
	said "given away" $'UP\n1024'
	is "list" '28 1' "$(field memory) $(field vcpus)"
	save
	restore
	is "list" '28 1' "$(field memory) $(field vcpus)"
	is "its limits" "16384 30720 32768" "$(limits)"
	is "its vcpus" "online offline offline" "$(vcpus)"
	is "vcpu-list" "3" "$(json 'length' tandem vcpu-list g --json)"
	types B
	said "as much as it may" $'UP\n1024\nWOKE\n0512'
	is "list" 30 "$(field memory)"
	ok tandem mem-set g 14000
	ok tandem vcpu-set g 2
	save
	restore
	is "its limits" "14000 14000 32768" "$(limits)"
	is "its vcpus" "online online offline" "$(vcpus)"
	types B
	said "no more" $'UP\n1024\nWOKE\n0512\nWOKE\n0000'
	types r
	said "it booted" $'UP\n1024\nWOKE\n0512\nWOKE\n0000\nUP'
	is "its limits" "14000 14000 32768" "$(limits)"
	is "its vcpus" "online online offline" "$(vcpus)"
	ok tandem destroy g
}

goes_on() {
	fresh
	create
	mkfifo "$work/fifo"
	bad 'is no regular file' tandem save -c g "$work/fifo"
	is "the pipe" fifo "$(stat -c %F "$work/fifo")"
	suspends tandem save -c g "$work/g.saved"
	said "checkpoint" $'UP\nSTILL'
	suspends tandem save -p g "$work/g.saved"
	is "left paused" --p--- "$(field state)"
	said "paused, it says nothing" $'UP\nSTILL'
	ok tandem unpause g
	said "unpaused" $'UP\nSTILL\nSTILL'
	# who wanted it has gone before the guest answers
	"$TANDEM" save g "$work/never" 2>"$work/err" &
	wait_for 10 asked || fail "nobody asks"
	kill -9 $!
	wait $! 2>/dev/null
	sleep 0.5
	types s
	said "nobody wants it any more" $'UP\nSTILL\nSTILL\nSTILL'
	rm -f "$work"/never*
	ok tandem destroy g
	restore -p
	is "restored paused" --p--- "$(field state)"
	fresh
	ok tandem unpause g
	types x 1
	is "unpaused" $'WOKE\nx' "$(cat "$work/typed")"
	ok tandem destroy g
}

# Configurations that nobody wrote, in streams whose checksums are right.
forge() { "$(dirname "$0")/forge.py" "${2-$work/g.saved}" "$work/forged" "$1" || fail "$1: not forged"; }
forged() {
	local filter
	local filters=(
		'.name = "a/b"' '.name = ""' '.name = "7"' 'del(.name)' '.name = 5' '.more = 1'
		'.uuid = "../../x"' '.target = 0' '.target = .limit + 1' '.limit = .maxmem + 1'
		'.maxmem = 1e15' '.maxmem += 1' '.target = -4096' '.vcpus = 0' '.vcpus = 2'
		'.maxvcpus = 33' '.vcpus = 1.5' '.devices = {}' '.boot = []' 'del(.boot)'
		'del(.boot.kernel)' '.boot.kernel = "relative"' '.boot.kernel = ""'
		'.boot.kernel = "/" + "x" * 4096' '.boot.ramdisk = "x"' '.boot.ramdisk = 7'
		'.boot.cmdline = "x" * 4096' '.boot.cmdline = null' '.boot.hugepages = 1'
		'.boot.on_crash = "explode"' '.boot.on_reboot = ""' 'del(.boot.on_watchdog)'
		'.boot.more = "x"' '[.]' '"text"'
	)
	for filter in "${filters[@]}"; do
		forge "$filter"
		bad 'makes no sense|no JSON' tandem restore "$work/forged"
	done
	for filter in '.devices[1].back.mac = "x"' 'del(.devices[1].back.mac)' \
		'.devices += [.devices[0]]' '.devices = [1]' '.devices = [{}]' \
		'.devices = [{"backend": "drv0"}]' \
		'.devices = [{"type": "vfb", "devid": 0, "backend": "drv0", "front": {}, "back": {}}]' \
		'.devices = [{"type": "vbd", "devid": -1, "backend": "drv0", "front": {}, "back": {}}]' \
		'.devices = [{"type": "vbd", "devid": 0, "backend": "nope", "front": {}, "back": {}}]'; do
		forge "$filter" "$work/vif.saved"
		bad 'device|no domain' tandem restore "$work/forged"
	done
	# another machine than the one behind it
	for filter in '.maxvcpus = 2' '.maxmem = 32768' '.maxvcpus = 2 | .boot.hugepages = true'; do
		forge "$filter"
		bad 'not those that its configuration says' tandem restore "$work/forged"
	done
	# it wakes up, but cannot boot
	forge '.boot.kernel = "/dev/zero"'
	ok tandem restore "$work/forged"
	types r
	ends "no kernel"
	wait_for 10 grep -q '/dev/zero: is no regular file' "$TANDEM_DIR/log/g.log" ||
		fail "no kernel: nothing is said of it"
	nothing_left
}

hvd_start
ok tandem create drv0
blkback_start drv0
netback_start drv0 --workers 1 --switch sw0
alike
cares
reboots
ends_as_said
parts
goes_on
forged
finish
