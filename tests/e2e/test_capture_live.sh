#!/bin/bash
# SPDX-License-Identifier: MIT
# tandem vif-capture of a vif in use: the backend, a frontend, packets both ways,
# readers and backends that are killed.
# shellcheck source=tests/lib/common.sh
. "$(dirname "$0")/../lib/common.sh"

: "${TANDEM_NETBACK:?} ${TANDEM_NETFRONT:?}"
needs tcpdump
out=$work/out.pcap

packets() { tcpdump -r "$out" --count 2>/dev/null | sed 's/ .*//'; }
read_out() { tcpdump -r "$1" -n -e -tt 2>/dev/null; }
# shellcheck disable=SC2317 # wait_for calls them
connected() { tandem network-list guest0 | grep -q Connected; }
# shellcheck disable=SC2317
has_packets() { [ "$(packets)" -ge "$1" ]; }

# front OPTION...: a frontend of guest0/0
front() {
	background "$TANDEM_NETFRONT" --domain guest0 --vif 0 --no-sandbox "$@" \
		>"$work/front" 2>&1
	front=$bg
	wait_for 10 connected || fail "no frontend: $(cat "$work/front")"
}

# seconds FIELD: the first and the last timestamp, whole
stamps() { read_out "$out" | sed -n '1s/\..*//p;$s/\..*//p' | tr '\n' ' '; }

to_guest() {
	local before after first last
	ok tandem network-attach guest0 backend=drv0 'port=gen;rate=2000;size=300'
	front --sink --seconds 60
	before=$(date +%s)
	ok tandem vif-capture guest0/0 "$out" --count 300
	after=$(date +%s)
	is "packets" 300 "$(packets)"
	is "whole" 300 "$(read_out "$out" | grep -c 'length 300')"
	read -r first last <<<"$(stamps)"
	[ "$first" -ge "$before" ] && [ "$last" -le "$after" ] ||
		fail "timestamps $first to $last are not from $before to $after"
	ok tandem vif-capture guest0/0 "$out" --count 50 --snaplen 60
	is "cut" $((24 + 50 * (16 + 60))) "$(stat -c %s "$out")"
	ok tandem vif-capture guest0/0 "$out" --count 20 --filter 'less 300'
	is "a filter that takes all" 20 "$(packets)"
	is "the backend is told of the end" "" "$(tree | grep capture)"
}

# A reader that is killed hinders neither the vif nor the next reader.
killed_reader() {
	local pid n
	rm -f "$out"
	"$TANDEM" vif-capture guest0/0 "$out" >/dev/null &
	pid=$!
	wait_for 10 has_packets 100 || fail "nothing captured"
	kill -9 $pid
	wait $pid 2>/dev/null
	n=$(vif guest0 .stats.rx_packets)
	sleep 0.3
	[ "$(vif guest0 .stats.rx_packets)" -gt "$n" ] ||
		fail "packets stopped with the reader"
	ok tandem vif-capture guest0/0 "$out" --count 100
	is "the next" 100 "$(packets)"
	# one that does not read: its ring is full, the vif goes on
	rm -f "$out"
	"$TANDEM" vif-capture guest0/0 "$out" >"$work/summary" &
	pid=$!
	wait_for 10 has_packets 1
	kill -STOP $pid
	sleep 3
	n=$(vif guest0 .stats.rx_packets)
	sleep 0.3
	[ "$(vif guest0 .stats.rx_packets)" -gt "$n" ] ||
		fail "packets stopped with a reader that does not read"
	kill -CONT $pid
	kill -TERM $pid
	wait $pid
	is "stopped and ended" 0 $?
	matches "dropped" ' [1-9][0-9]* dropped$' "$(cat "$work/summary")"
	end_pid "$front"
	ok tandem network-detach guest0 0
}

# From the guest; and a capture that was there before the frontend.
from_guest() {
	local pid before
	ok tandem network-attach guest0 backend=drv0,port=sink
	rm -f "$out"
	"$TANDEM" vif-capture guest0/0 "$out" --count 200 --json >"$work/summary" 2>"$work/err" &
	pid=$!
	wait_for 5 test -e "$out"
	front --gen=100 --seconds 60
	wait $pid
	is "ended" "0 " "$? $(cat "$work/err")"
	is "packets" 200 "$(jq .packets "$work/summary")"
	is "whole" 200 "$(read_out "$out" | grep -c 'length 100')"
	# the backend dies under it, and the next one goes on
	rm -f "$out"
	"$TANDEM" vif-capture guest0/0 "$out" >"$work/summary" 2>"$work/err" &
	pid=$!
	wait_for 10 has_packets 50 || fail "nothing captured"
	kill -9 "$netback_pid"
	wait "$netback_pid" 2>/dev/null
	sleep 0.2
	before=$(packets)
	netback_start drv0
	wait_for 10 connected || fail "the stream does not go on"
	wait_for 10 has_packets $((before + 1000)) || fail "the capture does not go on"
	tandem network-detach guest0 0
	wait $pid
	is "ended with its vif" 2 $?
	matches "says so" 'guest0/0: the backend let go of it' "$(cat "$work/err")"
	end_pid "$front"
	is "nothing is left" "" "$(tree | grep '/vif')"
}

hvd_start
ok tandem create guest0
ok tandem create drv0
netback_start drv0
to_guest
killed_reader
from_guest
finish
