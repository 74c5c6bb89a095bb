#!/bin/bash
# SPDX-License-Identifier: MIT
# A PC that is paused, saved, restored, and moves while it runs. Its guest (pc_state.c) looks
# at its memory, its registers and its clocks all the time, and counts.
# shellcheck source=tests/guest/life-lib.sh
. "$(dirname "$0")/life-lib.sh"
: "${FIRMWARE:?}"
needs zstd python3

vm=$(sed -n 's/exec "\([^"]*\)".*/\1/p' "$work/vm")
there=$work/hv2
printf '#!/bin/sh\nexec "%s" --verbose "$@"\n' "$vm" >"$work/vm"
# half of what it reads takes longer: it is saved while its disk is at work
cat >"$work/g.cfg" <<EOF
name = "g"
type = "hvm"
firmware_override = "$FIRMWARE"
memory = 16
uuid = "01234567-89ab-cdef-0123-456789abcdef"
xen_platform_pci = 0
vnc = 0
disk = [ "vdev=hda,backendtype=fault,options=inner=uring;delay-us=20000;delay-every=2,target=$work/disk" ]
vif = [ "mac=00:16:3e:01:02:03,model=e1000,port=sink" ]
EOF
python3 -c 'import struct, sys
sys.stdout.buffer.write(struct.pack("<131072I", *range(131072)))' >"$work/disk"

# at DIR COMMAND...: with that hypervisor
at() {
	local TANDEM_DIR=$1 XENSTORED_PATH=$1/xenstored/socket
	shift
	"$@"
}
ticks() { sed -n 's/.*firmware: tick //p' "$TANDEM_DIR/log/g.log"; }
last() { ticks | tail -n 1; }
beyond() { [ "$(last)" -ge "$1" ]; }
# counts WHAT: on and on, nothing left out, and finds nothing wrong
counts() {
	local from
	checks=$((checks + 1))
	from=$(last)
	wait_for 20 beyond $((from + 4)) || fail "$1: it stands at $(last)"
	is "$1: the ticks" "" "$(ticks | awk 'NR > 1 && $1 != was + 1 { print was, $1 } { was = $1 }')"
	is "$1" "" "$(grep -aE 'BAD|crash|cannot' "$TANDEM_DIR/log/g.log")"
}

# stands WHAT: longer than the guest would take for a jump of its clocks
stands() {
	local before
	before=$(last)
	sleep 3.5
	is "$1: it stands" 0 $(($(last) - before > 1))
}

pauses() {
	ok tandem create --wait 20 "$work/g.cfg"
	wait_for 20 beyond 2 || {
		fail "it does not come up: $(cat "$TANDEM_DIR/log/g.log")"
		finish
	}
	counts "created"
	checks=$((checks + 1))
	grep -q 'with a disk' "$TANDEM_DIR/log/g.log" || fail "it has no disk"
	ok tandem pause g
	stands "paused"
	ok tandem unpause g
	counts "unpaused"
}

saves() {
	local next
	ok tandem save g "$work/g.saved"
	ends "save"
	stands "in a file"
	next=$(($(last) + 1))
	ok tandem restore --wait 20 "$work/g.saved"
	wait_for 20 beyond "$next" || fail "it does not go on"
	is "the next tick" "$next" "$(ticks | grep -x "$next")"
	counts "restored"
	ok tandem save --checkpoint g "$work/g.saved"
	counts "after a checkpoint"
	ok tandem destroy g
}

# again: from a file that is some time old
again() {
	fresh
	ok tandem restore --paused "$work/g.saved"
	sleep 3
	is "restored, paused" "" "$(ticks)"
	ok tandem unpause g
	wait_for 20 beyond 1 || fail "restored, paused: it does not go on"
	counts "restored, paused"
}

moves() {
	ok tandem migrate g "unix:$there"
	ends "here"
	at "$there" wait_for 20 beyond 1 || fail "it does not go on there"
	at "$there" counts "moved"
	fresh
	ok at "$there" tandem migrate g "unix:$TANDEM_DIR"
	wait_for 20 beyond 1 || fail "it does not come back"
	counts "back"
}

# What does not succeed is not noticed.
goes_on() {
	bad 'receiver|nobody takes' tandem migrate g 'exec:false'
	counts "no receiver"
	bad 'receiver|nobody takes' tandem migrate g 'exec:head -c 3000 >/dev/null'
	counts "a receiver that ends"
	bad 'receiver|nobody takes' tandem migrate g 'exec:timeout 2 cat >/dev/null'
	counts "a receiver that does not go on"
	bad 'in use' tandem create "$work/g.cfg" 'name="other"' 'uuid="01234567-89ab-cdef-0123-456789abcdee"'
}

# done_quietly COMMAND...
done_quietly() { "$@" >/dev/null 2>"$work/err" || fail "$*: $(cat "$work/err")"; }
# often: at another place in its loop each time, in the middle of this or that
often() {
	local i
	for ((i = 0; i < 20; i++)); do
		done_quietly tandem save --checkpoint g "$work/g.saved"
	done
	counts "often"
	for ((i = 0; i < 6; i++)); do
		done_quietly tandem save g "$work/g.saved"
		done_quietly tandem restore "$work/g.saved"
	done
	counts "often restored"
}

hvd_start
background "$TANDEM_HVD" --dir "$there"
at "$there" wait_for 20 tandem info || fail "the other tandem-hvd does not answer"
pauses
saves
again
moves
goes_on
often
ok tandem destroy g
nothing_left
finish
