#!/bin/bash
# SPDX-License-Identifier: MIT
# Crash consistency of the whole path: the fault driver logs what reaches the
# file, the load logs what it was told, and a power cut is tried at every flush
# (crashcheck.c); with and without kills of the backend on the way. KILLS (8).
#
# Wants TANDEM, TANDEM_HVD, TANDEM_BLKBACK, HISTORY, CRASHCHECK.
# shellcheck source=tests/lib/common.sh
. "$(dirname "$0")/../lib/common.sh"
: "${HISTORY:?} ${CRASHCHECK:?}"
kills=${KILLS:-8}
seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}
size=$((2 << 20))

again() { [ "$(grep -c 'connected again' "$work/err.history")" -gt "$1" ]; }
ended() { ! [ -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"; }
connected() { tandem block-list guest0 | grep -q Connected; }
written() { [ "$(stat -c %s "$work/log" 2>/dev/null || echo 0)" -ge "$1" ]; }

# load DRIVER KILLS: until so much was logged, by at least so many lives
load() {
	local i
	rm -f "$work/log"
	truncate -s 0 "$work/disk.img"
	truncate -s $size "$work/disk.img"
	ok tandem block-attach guest0 "vdev=xvda,backend=drv0,backendtype=fault,options=inner=$1;log=$work/log;delay-us=500;delay-every=7;seed=$seed,target=$work/disk.img"
	: >"$work/err.history"
	TANDEM_LOG=info background "$HISTORY" --seed "$seed" --queues 3 --log "$work/log" \
		--out "$work/final" guest0/xvda >"$work/counts" 2>"$work/err.history"
	history_pid=$bg
	wait_for 10 connected || fail "does not connect"
	for ((i = 0; i < $2; i++)); do
		sleep "0.0$((RANDOM % 90 + 10))"
		kill -9 "$blkback_pid"
		wait "$blkback_pid" 2>/dev/null
		blkback_start drv0 --allow "$work" --workers $((i % 2 + 1)) --max-queues $((i % 3 + 1))
		wait_for 20 again "$i" || {
			fail "kill $((i + 1)): not connected again"
			break
		}
	done
	wait_for 20 written $((8 << 20)) || fail "nothing is logged"
	kill -TERM "$history_pid"
	wait_for 60 ended "$history_pid" || {
		fail "history does not end (seed $seed): an I/O was lost"
		kill -9 "$history_pid"
	}
	wait "$history_pid"
	is "history's status (seed $seed)" 0 $?
	ok tandem block-detach guest0 xvda
	ok cmp "$work/disk.img" "$work/final"
}

check() {
	ok "$CRASHCHECK" "$work/log" $size "$seed"
	echo "$1, $2 kills: $(cat "$work/out")"
	matches "$1: the checker sees a flush that is none" 'wrong sectors [1-9]' \
		"$("$CRASHCHECK" --no-flushes "$work/log" $size "$seed" 2>/dev/null)"
}

hvd_start
ok tandem create guest0
ok tandem create drv0
blkback_start drv0 --allow "$work" --workers 2
for driver in uring aio; do
	for n in 0 "$kills"; do
		load $driver "$n"
		check $driver "$n"
	done
done
# the log is a file that the backend opens: --allow holds for it too
bad 'Permission denied' tandem block-attach guest0 \
	"vdev=xvda,backend=drv0,backendtype=fault,options=inner=uring;log=$work.outside,target=$work/disk.img"
is "outside of --allow" "" "$(ls "$work.outside" 2>/dev/null)"
finish
