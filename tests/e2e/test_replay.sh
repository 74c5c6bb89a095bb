#!/bin/bash
# SPDX-License-Identifier: MIT
# tandem vif-replay: the guest's tap sees the file's packets, all of them, in order and
# at their pace, beside what comes from the port; programs that are killed.
# shellcheck source=tests/lib/netns.sh
. "$(dirname "$0")/../lib/netns.sh"
needs python3 dumpcap ping jq editcap
frames() { python3 "${BASH_SOURCE[0]%/*}/../lib/replaypcap.py" "$@"; }
in=$work/in.pcap
seen=$work/seen.pcap

# listen: what comes to guest0 of the type of the test's frames, into $seen
listen() {
	rm -f "$seen"
	background nsenter --net=/run/netns/guest0 dumpcap -q -P -i eth0 -B 32 \
		-f 'ether proto 0x88b5' -w "$seen" 2>"$work/listen"
	listen=$bg
	wait_for 10 test -s "$seen" || fail "$(cat "$work/listen")"
}

# shellcheck disable=SC2317 # wait_for calls it
came() { [ "$(frames numbers "$seen" | wc -l)" -ge "$1" ]; }

# heard COUNT: listens no longer; so many packets came, and are in $work/numbers
heard() {
	wait_for 10 came "$1"
	sleep 0.1 # one too many would come now
	end_pid "$listen"
	frames numbers "$seen" >"$work/numbers"
	is "packets" "$1" "$(wc -l <"$work/numbers")"
	is "damaged" 0 "$(grep -c damaged "$work/numbers")"
}

# replay SUMMARY [OPTION...]: of $in; took so many ms in $took
replay() {
	local summary=$1 begin
	shift
	begin=$(date +%s%3N)
	ok tandem vif-replay guest0/0 "$in" "$@" --json
	took=$(($(date +%s%3N) - begin))
	is "$* summary" "$summary" "$(jq -r '"\(.packets) \(.cut) \(.dropped)"' "$work/out")"
	is "$* nothing is left" "" "$(tree | grep replay)"
}

between() { [ "$2" -ge "$1" ] && [ "$2" -le "$3" ] || fail "$2 is not in $1..$3"; }

pings() { inside drv0 ping -c 3 -i 0.1 -W 5 192.0.2.2 >/dev/null || fail "$1: no ping"; }

# shellcheck disable=SC2317 # wait_for calls it
runs() { [ "$(xenstore-read "$be/replay/state")" = 4 ]; }

# replaying [OPTION...]: in the background, of $in
replaying() {
	background "$TANDEM" vif-replay guest0/0 "$in" "$@" >"$work/summary" 2>"$work/err2"
	replaying=$bg
}

whole() {
	frames make "$in" 5000
	listen
	replay '5000 0 0' --rate 0
	heard 5000
	cmp -s <(seq 0 4999) <(tr -d ' ' <"$work/numbers") || fail "not in order"
	editcap -F pcapng "$in" "$in.ng" && mv "$in.ng" "$in"
	listen
	replay '15000 0 0' --rate 0 --loop 3
	between 0 "$took" 5000 # a writer that is not told of room looks once a second
	heard 15000
	cmp -s <(for _ in 1 2 3; do seq 0 4999; done) <(tr -d ' ' <"$work/numbers") ||
		fail "not in order"
	# as a person sees it
	ok tandem vif-replay guest0/0 "$in" --rate 0
	matches "summary" '^5000 packets, 0 of them cut .*, 0 dropped$' "$(cat "$work/out")"
}

paced() {
	frames make "$in" 300 10000000
	listen
	replay '300 0 0' --rate 300
	heard 300
	between 900 "$took" 5000
	frames make "$in" 100 10000
	listen
	replay '100 0 0'
	heard 100
	between 980 "$took" 5000
	replay '100 0 0' --speed 10
	between 98 "$took" 900
	replay '100 0 0' --speed 0.5
	between 1970 "$took" 8000
}

# What no port would give is not given, and counted.
odd() {
	frames make "$in" 10 0 9000
	listen
	replay '10 0 10' --rate 0
	frames make "$in" 10 0 13
	replay '0 0 10' --rate 0 --loop 0
	frames make "$in" 10 0 1000
	editcap -s 200 "$in" "$in.cut" && mv "$in.cut" "$in"
	replay '10 10 0' --rate 0
	heard 10
}

# The port's own packets come beside those that are replayed as fast as it goes.
beside() {
	frames make "$in" 2000
	replaying --rate 0 --loop 0
	wait_for 5 runs || fail "no replay: $(cat "$work/err2")"
	pings "beside a replay"
	bad 'guest0/0: another replay runs' tandem vif-replay guest0/0 "$in"
	stop "$replaying"
	is "ended" "0 " "$status $(cat "$work/err2")"
	matches "summary" '^[1-9][0-9]* packets' "$(cat "$work/summary")"
	is "nothing is left" "" "$(tree | grep replay)"
}

killed_writer() {
	replaying --rate 0 --loop 0
	wait_for 5 runs || fail "no replay: $(cat "$work/err2")"
	kill -9 "$replaying"
	wait "$replaying" 2>/dev/null
	pings "after a writer's death"
	frames make "$in" 1000
	listen
	replay '1000 0 0' --rate 0
	heard 1000
}

# Another backend reads on where the one that died ended: what is lost is what that
# had taken, an inbox and a ring of 256 packets each at most.
killed_backend() {
	frames make "$in" 20000
	listen
	replaying --rate 5000 --json
	wait_for 5 runs || fail "no replay: $(cat "$work/err2")"
	sleep 1
	kill -9 "$netback_pid"
	wait "$netback_pid" 2>/dev/null
	sleep 0.3
	kill -0 "$replaying" || fail "too early: $(cat "$work/err2")"
	netback_start --workers 2
	ended "$replaying"
	is "ended" "0 " "$status $(cat "$work/err2")"
	is "packets" 20000 "$(jq .packets "$work/summary")"
	sleep 0.5
	end_pid "$listen"
	frames numbers "$seen" >"$work/numbers"
	is "the last one" "19999" "$(tail -n 1 "$work/numbers" | tr -d ' ')"
	between 19400 "$(sort -un "$work/numbers" | wc -l)" 20000
	sort -nc "$work/numbers" || fail "not in order"
	is "nothing is left" "" "$(tree | grep replay)"
}

# A vif whose guest is not there yet: it waits. One that goes away: it says so.
without_guest() {
	frames make "$in" 2000
	stop "$netfront_pid"
	replaying --rate 0
	sleep 0.5
	kill -0 "$replaying" || fail "does not wait for the guest: $(cat "$work/err2")"
	netfront_start guest0
	ended "$replaying"
	is "ended" "0 " "$status $(cat "$work/err2")"
	matches "summary" '^2000 packets' "$(cat "$work/summary")"
	replaying --rate 100
	sleep 0.5
	stop "$netfront_pid"
	ok tandem network-detach guest0 0
	ended "$replaying"
	is "ended" "2 tandem: vif-replay: guest0/0: the backend let go of it" \
		"$status $(cat "$work/err2")"
}

bad_input() {
	local want='want a whole pcap or pcapng file'
	frames make "$in" 10
	bad "'guest0' names no vif" tandem vif-replay guest0 "$in"
	bad 'guest0 has no vif 7' tandem vif-replay guest0/7 "$in"
	bad "no domain 'nope'" tandem vif-replay nope/0 "$in"
	bad "rate '-1' is no number from 0" tandem vif-replay --rate=-1 a b
	bad "speed 'fast' is no number from 0.001" tandem vif-replay --speed fast a b
	bad "loop 'x' is no number" tandem vif-replay --loop x a b
	bad 'not both' tandem vif-replay --rate 1 --speed 1 guest0/0 "$in"
	bad 'nope.pcap: No such file' tandem vif-replay guest0/0 "$work/nope.pcap"
	bad "is no file; $want" tandem vif-replay guest0/0 "$work"
	head -c -5 "$in" >"$work/short"
	bad "short: truncated.*; $want" tandem vif-replay guest0/0 "$work/short"
	head -c 24 "$in" >"$work/short"
	bad "short: holds no packet; $want" tandem vif-replay guest0/0 "$work/short"
	bad "replay.sh: unknown file format; $want" tandem vif-replay guest0/0 "$0"
	frames make "$work/raw" 10 0 60 101
	bad "raw: its packets are of kind .*; $want" tandem vif-replay guest0/0 "$work/raw"
	tandem vif-replay guest0/0 "$in" --wait 0.1 >"$work/out" 2>"$work/err"
	matches "no backend" '^2 .*: no backend answered within 0.1 s' "$? $(cat "$work/err")"
	is "nothing is left" "" "$(tree | grep replay)"
}

net_start
be=/local/domain/$(tandem domid drv0)/backend/vif/$(tandem domid guest0)/0
ok tandem network-attach --wait 0 guest0 "mac=$mac0,backend=drv0,port=tap:vif0"
bad_input
netback_start --workers 2
netfront_start guest0 && address guest0 eth0 2
address drv0 vif0 3
whole
paced
odd
beside
killed_writer
killed_backend
without_guest
is "lines of the programs" "" "$(cat "$work"/{netback,guest0}.err)"
finish
