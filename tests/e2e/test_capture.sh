#!/bin/bash
# SPDX-License-Identifier: MIT
# tandem vif-capture against a backend that writes known packets, one that refuses,
# spoils the ring or leaves; the files as tcpdump and tshark read them.
# shellcheck source=tests/lib/common.sh
. "$(dirname "$0")/../lib/common.sh"

: "${CAPFEED:?}"
needs tcpdump
export TZ=UTC
out=$work/out.pcap

# feed COUNT [FAULT]: the backend of guest0/0 for one capture
feed() {
	xenstore-write "$be/state" 1 "$be/online" 1
	background "$CAPFEED" drv0 "$guest" 0 "$@" 2>"$work/feed"
	feed=$bg
	wait_for 5 connected
}

# fed: the backend found nothing wrong
fed() {
	wait "$feed"
	is "$1: the backend" "0 " "$? $(cat "$work/feed")"
}

read_out() { tcpdump -r "$1" -n -tt --nano 2>/dev/null; }

# shellcheck disable=SC2317 # wait_for calls them
has_read() { [ "$(read_out "$out" | wc -l)" = "$1" ]; }
# shellcheck disable=SC2317
connected() { tandem network-list guest0 | grep -q Connected; }

clean() { is "$1: nothing is left" "" "$(tree | grep capture)"; }

# bad_run PATTERN [OPTION...]: a capture that fails, and xenstore changes meanwhile
bad_run() {
	local pattern=$1
	shift
	tandem vif-capture guest0/0 "$out" "$@" >"$work/out" 2>"$work/err"
	is "$pattern: status" 2 $?
	is "$pattern: one line" 1 "$(wc -l <"$work/err")"
	matches "$pattern" "$pattern" "$(cat "$work/err")"
}

whole() {
	feed 500
	ok tandem vif-capture guest0/0 "$out" --count 500
	fed whole
	matches "summary" '^500 packets, 0 not wanted by the filter, 0 dropped$' "$(cat "$work/out")"
	is "packets" 500 "$(read_out "$out" | wc -l)"
	is "the first" "1000000000.000000000" "$(read_out "$out" | sed -n '1s/ .*//p')"
	is "the last" "1000000000.499000000" "$(read_out "$out" | sed -n '$s/ .*//p')"
	read_out "$out" | sed -E 's/.* IP 192.0.2.1.([0-9]+) >.*/\1/' | cmp -s - <(seq 0 499) ||
		fail "not in order"
	is "lengths" $((60 + 499 + 14 - 14)) "$(tcpdump -r "$out" -e -n 2>/dev/null |
		sed -nE '$s/.* length ([0-9]+): .*/\1/p')"
	clean whole
	if command -v tshark >/dev/null; then
		is "tshark" 250 "$(tshark -r "$out" -Y 'udp.dstport == 53' 2>/dev/null | wc -l)"
	fi
}

filtered() {
	feed 100
	ok tandem vif-capture guest0/0 "$out" --count 50 --filter 'udp dst port 53' \
		--snaplen 70 --json
	fed filtered
	is "summary" '50 50 0' "$(jq -r '"\(.packets) \(.filtered) \(.dropped)"' "$work/out")"
	is "packets" 50 "$(read_out "$out" | wc -l)"
	is "only those" 0 "$(read_out "$out" | grep -vc '192.0.2.2.53:')"
	# 24 of the file, 50 headers of 16, at most 70 of each
	is "cut" "$((24 + 50 * 16 + 61 + 63 + 65 + 67 + 69 + 45 * 70))" "$(stat -c %s "$out")"
	is "standard output" 10 "$(
		feed 10
		tandem vif-capture guest0/0 - --count 10 | tcpdump -r - -n 2>/dev/null | wc -l
	)"
	clean filtered
}

rotated() {
	local f n=0
	rm -f "$out"*
	feed 300
	ok tandem vif-capture guest0/0 "$out" --count 300 --rotate-size 20K
	fed rotated
	for f in "$out" "$out"[0-9]*; do
		n=$((n + $(read_out "$f" | wc -l)))
		[ "$(stat -c %s "$f")" -le $((20480 + 2000)) ] || fail "$f is too large"
	done
	is "no packet is lost" 300 $n
	matches "several files" '^[3-9]$' "$(find "$work" -name 'out.pcap*' | wc -l)"
}

# Until it is ended; what is there can be read before.
ended() {
	local pid
	feed 20
	rm -f "$out"
	"$TANDEM" vif-capture guest0/0 "$out" >"$work/summary" &
	pid=$!
	wait_for 5 has_read 20 || fail "not flushed"
	bad 'is being captured already' tandem vif-capture guest0/0 "$work/second"
	kill -TERM $pid
	wait $pid
	is "ended" 0 $?
	fed ended
	matches "summary" '^20 packets' "$(cat "$work/summary")"
	clean ended
	# killed: the next one is not hindered
	feed 5
	"$TANDEM" vif-capture guest0/0 "$out" >/dev/null &
	pid=$!
	wait_for 5 has_read 5 || fail "nothing captured"
	kill -9 $pid
	wait $pid 2>/dev/null
	end_pid "$feed"
	xenstore-write "$be/state" 2
	matches "its keys are left" 'capture/state' "$(tree)"
	bad_run 'no backend answered within 0.2 s' --wait 0.2
	clean "a late answer"
	feed 5
	ok tandem vif-capture guest0/0 "$out" --count 5
	fed "after a kill"
	clean "after a kill"
}

faults() {
	local before
	before=$(tree | grep -v '/state = \|/online = ')
	feed 3 spoil
	tandem vif-capture guest0/0 "$out" >"$work/summary" 2>"$work/err"
	is "a spoilt ring" 2 $?
	matches "says so" 'guest0/0: the backend spoiled the ring' "$(cat "$work/err")"
	tcpdump -r "$out" 2>/dev/null >&2 || fail "no capture file is left"
	fed spoil
	feed 3 refuse
	bad_run 'guest0/0: the backend does not capture: no room'
	fed refuse
	feed 3 leave
	tandem vif-capture guest0/0 "$out" >"$work/summary" 2>"$work/err"
	is "a backend that leaves" 2 $?
	matches "says so" 'the backend let go of it' "$(cat "$work/err")"
	is "what it sent is there" 3 "$(read_out "$out" | wc -l)"
	fed leave
	is "nothing is left" "$before" "$(tree | grep -v '/state = \|/online = ')"
}

bad_input() {
	bad "filter 'udp prot 53': " tandem vif-capture guest0/0 "$out" --filter 'udp prot 53'
	bad "'guest0' names no vif" tandem vif-capture guest0 "$out"
	bad "'x' is no vif" tandem vif-capture guest0/x "$out"
	bad 'guest0 has no vif 7' tandem vif-capture guest0/7 "$out"
	bad "no domain 'nope'" tandem vif-capture nope/0 "$out"
	bad "snaplen '0' is no number from 1 to 65535" tandem vif-capture --snaplen 0 a b
	bad "snaplen '70000' is no number" tandem vif-capture --snaplen 70000 a b
	bad "rotate-size 'big' is no size" tandem vif-capture --rotate-size big a b
	bad "rotate-seconds '0'" tandem vif-capture --rotate-seconds 0 a b
	bad 'nonexistent.*No such file' tandem vif-capture guest0/0 "$work/nonexistent/x"
	bad '1 argument given' tandem vif-capture guest0/0
	bad 'no backend answered within 0.1 s' tandem vif-capture guest0/0 "$out" --wait 0.1
}

hvd_start
ok tandem create guest0
ok tandem create drv0
guest=$(tandem domid guest0)
be=/local/domain/$(tandem domid drv0)/backend/vif/$guest/0
ok tandem network-attach --wait 0 guest0 backend=drv0,port=sink
bad_input
whole
filtered
rotated
ended
faults
ok tandem network-detach guest0 0 --force
finish
