#!/bin/bash
# SPDX-License-Identifier: MIT
# A VM that moves to another hypervisor and back, or cannot: at each end it has its keeper.
# shellcheck source=tests/guest/life-lib.sh
. "$(dirname "$0")/life-lib.sh"

there=$work/hv2
# at DIR COMMAND...: with that hypervisor
at() {
	local TANDEM_DIR=$1 XENSTORED_PATH=$1/xenstored/socket
	shift
	"$@"
}
disk() { json '.[0].devid' tandem block-list g --json; }

moves() {
	create "disk=['backend=drv0,backendtype=ram,vdev=xvda,target=4M']" "maxmem=32" "vcpus=1" \
		"maxvcpus=2" \
		"on_crash='preserve'"
	ok tandem mem-max g 20m
	suspends tandem migrate g "unix:$there"
	ends "here"
	nothing_left
	at "$there" is_whole $'WOKE'
}

# is_whole SAID: at this end it has all that it had
is_whole() {
	said "woken" "$1"
	types hi
	said "the echo" "$1"$'\nhi'
	is "its disk" 51712 "$(disk)"
	is "its limits" "16384 20480" "$(key memory/target) $(key memory/max)"
	is "its vcpus" "online offline" "$(key cpu/0/availability) $(key cpu/1/availability)"
	ok tandem pause g
	is "paused" --p--- "$(field state)"
	ok tandem unpause g
	becomes "goes on" 'r-----'
}

# As over ssh: a pipe each way.
comes_back() {
	fresh
	mkfifo "$work/back"
	# shellcheck disable=SC2094 # a pipe each way
	at "$there" "$TANDEM" migrate g - <"$work/back" 2>"$work/err" |
		"$TANDEM" migrate-receive >"$work/back" 2>>"$work/err" &
	at "$there" answers
	wait $!
	is "over pipes" 0 $?
	is "what was said" "" "$(cat "$work/err")"
	at "$there" ends "there"
	at "$there" nothing_left
	is_whole WOKE
	types r
	said "it boots" $'WOKE\nhiUP'
	is "its disk" 51712 "$(disk)"
	is "its limits" "16384 20480" "$(key memory/target) $(key memory/max)"
	types c
	becomes "on_crash" '---sc-'
	ok tandem destroy g
}

echoed() { [[ $(log) == *x ]]; }
# fails WHAT PATTERN PLACE SAID: it could not be moved, and what it then says here
fails() {
	local status
	fresh
	checks=$((checks + 1))
	tandem migrate g "$3" >"$work/saved" 2>&1 &
	# a receiver that has ended may be seen before the guest is asked
	wait_for 2 asked && answers
	wait $!
	status=$?
	[ $status = 2 ] || fail "$1: status $status"
	matches "$1" "$2" "$(cat "$work/saved")"
	[ -z "$4" ] || said "$1" "$4"
	fresh
	types x
	wait_for 10 echoed || fail "$1: it does not echo: $(log)"
	is "$1: its disk" 51712 "$(disk)"
	at "$there" nothing_left
}

stays() {
	fresh
	create "disk=['backend=drv0,backendtype=ram,vdev=xvda,target=4M']"
	said "created" UP
	fails "no receiver" 'the receiver|nobody takes' 'exec:false' ''
	ok at "$there" tandem create g
	fails "its name is taken" 'there is a domain' "unix:$there" ''
	ok at "$there" tandem destroy g
	end_pid "$their_blkback"
	# its devices went there, where nobody takes them, and came back
	fails "no backend there" 'cannot take the machine' "exec:'$TANDEM' --dir '$there' migrate-receive --wait 1" WOKE
	fresh
	types r
	said "it boots" UP
	is "its disk" 51712 "$(disk)"
}

# Streams that stop: the receiver's keeper ends, and nothing is left.
stops() {
	local half status receiver
	took
	suspends tandem save -c g "$work/g.saved"
	ok tandem destroy g
	half=$(($(stat -c %s "$work/g.saved") / 2))
	status=$(head -c "$half" "$work/g.saved" | {
		at "$there" "$TANDEM" migrate-receive 2>"$work/err"
		echo $?
	})
	is "cut short" $'failed cannot take the machine: see its own messages\n2' "$status"
	matches "cut short" 'is cut short' "$(cat "$work/err")"
	status=$(cat "$work/g.saved" - </dev/null | {
		at "$there" "$TANDEM" migrate-receive 2>"$work/err"
		echo $?
	})
	is "no go" $'ready\nfailed cannot take the machine: see its own messages\n2' "$status"
	matches "no go" 'has given it up' "$(cat "$work/err")"
	mkfifo "$work/slow"
	at "$there" "$TANDEM" migrate-receive <"$work/slow" >"$work/out" 2>"$work/err" &
	receiver=$!
	exec 9>"$work/slow"
	head -c "$half" "$work/g.saved" >&9
	wait_for 10 at "$there" tandem domid g || fail "no domain there"
	sleep 0.5
	kill "$(ppid "$(at "$there" field pid)")" # its keeper
	wait "$receiver"
	is "a keeper that is told to end" 2 $?
	exec 9>&-
	at "$there" nothing_left
}

hvd_start
background "$TANDEM_HVD" --dir "$there"
at "$there" wait_for 20 tandem info || fail "the other tandem-hvd does not answer"
ok tandem create drv0
blkback_start drv0
ok at "$there" tandem create drv0
at "$there" blkback_start drv0
their_blkback=$blkback_pid
moves
comes_back
stays
stops
finish
