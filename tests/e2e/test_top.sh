#!/bin/bash
# SPDX-License-Identifier: MIT
# tandem top: processes, disks and interfaces of domains, in lines and on a terminal. A
# backend that the test plays answers what it likes.
# shellcheck source=tests/lib/common.sh
. "$(dirname "$0")/../lib/common.sh"
: "${TANDEM_BLKBACK:?} ${EXAMPLES:?}"
needs script xenstore-exists

# row DOMAIN COLUMN...: words of the last update in $work/top
row() {
	local name=$1
	shift
	awk -v name="$name" -v wanted="$*" '
		$1 == "NAME" { for (i = 1; i <= NF; i++) at[$i] = i }
		$1 == name { for (i = 1; i <= NF; i++) word[i] = $i }
		END {
			n = split(wanted, w, " ")
			for (i = 1; i <= n; i++) printf "%s%s", (i > 1 ? " " : ""), word[at[w[i]]]
		}' "$work/top"
}
# above WHAT LEAST NUMBER
above() {
	checks=$((checks + 1))
	awk -v a="$3" -v b="$2" 'BEGIN { exit !(a + 0 > b) }' || fail "$1: $3, not more than $2"
}
# top SECONDS UPDATES
top() { tandem top --batch --delay "$1" --count "$2" >"$work/top" 2>"$work/err" || fail "top: $(cat "$work/err")"; }

bad "hv.sock" tandem top --batch --count 1
hvd_start
for d in drv0 front fake guest; do ok tandem create $d; done
blkback_start drv0
ok tandem block-attach front "vdev=xvda,backend=drv0,backendtype=ram,target=16M"

idle() {
	top 0.2 2
	is "lines" 12 "$(wc -l <"$work/top")"
	is "head" 2 "$(grep -c '^NAME  *STATE' "$work/top")"
	is "its process sleeps" "-b---- 0 -" "$(row drv0 STATE VBDS EXITS/s)"
	above "its memory" 100 "$(row drv0 'RES(k)')"
	is "nobody is there" "------ 1 - - -" "$(row front STATE VBDS 'CPU(%)' RD/s TARGET\(k\))"
	above "the hypervisor's memory" 100 "$(row Domain-0 'RES(k)')"
}

load() {
	local reads
	background "$EXAMPLES/bench" front/xvda 32 8
	bench=$bg
	sleep 0.5
	top 1 1
	reads=$(row front RD/s)
	above "reads" 1000 "$reads"
	is "writes" "0 0" "$(row front WR/s 'WR(k/s)')"
	above "bytes" "$((${reads%.*} * 3))" "$(row front 'RD(k/s)')"
	above "CPU of the frontend" 1 "$(row front 'CPU(%)')"
	above "CPU of the backend" 1 "$(row drv0 'CPU(%)')"
	end_pid "$bench"
	kill -STOP "$blkback_pid"
	top 0.2 1 # bounded: it does not answer
	is "no answer" "1 -" "$(row front VBDS RD/s)"
	kill -CONT "$blkback_pid"
}

# play DIRECTORY FIRST THEN: a backend that answers the first request so, and all others so
play() {
	local text=$2
	while sleep 0.01; do
		xenstore-exists "$1/stats-request" || continue
		xenstore-rm "$1/stats-request"
		xenstore-write "$1/stats" "$text"
		text=$3
	done 2>/dev/null
}

fake() {
	local vif
	ok tandem network-attach --wait 0 guest "backend=fake"
	vif=/local/domain/$(tandem domid fake)/backend/vif/$(tandem domid guest)/0
	xenstore-write "$vif/state" 4
	background play "$vif" '{"tx_packets":1,"tx_bytes":0,"rx_packets":9,"rx_bytes":5}' \
		'{"tx_packets":1001,"tx_bytes":1024000,"rx_packets":9,"rx_bytes":5}'
	top 1 1
	above "packets" 500 "$(row guest TX/s)"
	above "bytes" 500 "$(row guest 'TX(k/s)')"
	is "none came" "1 0 0" "$(row guest VIFS RX/s 'RX(k/s)')"
	end_pid "$bg"
	for text in '' '[' '[]' 'null' '{"tx_packets":-1,"rx_packets":"\u001b[2J","tx_bytes":[1]}' \
		'{"tx_packets":99999999999999999999}' '{"tx_bytes":1e300}'; do
		background play "$vif" "$text" "$text"
		top 0.1 2
		matches "with <$text>" '^(-|0) (-|0)$' "$(row guest TX/s 'RX(k/s)')"
		end_pid "$bg"
	done
}

# keys TEXT...: a terminal where TEXT is typed, each after a moment
keys() {
	(for k in "$@"; do sleep 0.4 && printf '%b' "$k"; done) |
		TERM=xterm timeout 20 script -qefc "stty rows 24 cols 100; '$TANDEM' top -d 60" \
			"$work/screen" >/dev/null
}

screen() {
	ok keys '' '' s S '\033OC' '\033OB' ' ' q
	is "its end" 1 "$(grep -c $'\x1b\\[?1049l' "$work/screen")"
	matches "the screen" "tandem top .* 5 domains: .* by CPU" "$(cat "$work/screen")"
	grep -q drv0 "$work/screen" || fail "no drv0"
	# curses writes what differs in the first line
	grep -q $'\x1b\\[1;[0-9]*HRES(k' "$work/screen" || fail "s chose nothing"
	# the hypervisor goes while it shows
	(sleep 1.5 && end_pid "$hvd_pid") &
	TERM=xterm timeout 20 script -qefc "stty rows 24 cols 100; '$TANDEM' top -d 0.5" \
		"$work/screen" >/dev/null </dev/null
	is "its status" 2 $?
	wait $!
	matches "the line" "tandem: top: the hypervisor is gone" "$(tail -n 3 "$work/screen")"
}

bad "is no number of seconds from 0.1" tandem top -d 0
bad "is no number of seconds from 0.1" tandem top -d x
bad "is no number from 1" tandem top -n 0
bad "0 given|1 argument given" tandem top front
bad "no terminal" tandem top </dev/null
is "it takes no more" 2 "$(tandem top -b -n 1 -d 0.1 2>/dev/null >/dev/full; echo $?)"
idle
load
fake
screen
finish
