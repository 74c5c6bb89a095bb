#!/bin/bash
# SPDX-License-Identifier: MIT
# The backend is killed (-9) at random moments under a program that knows what
# every sector may hold (history.c), over each driver that keeps data; in the
# end everything is read through the path and from the image. KILLS (30) for
# each driver, DRIVERS ("uring aio zstd"), SEED.
#
# Wants TANDEM, TANDEM_HVD, TANDEM_BLKBACK, HISTORY.
# shellcheck source=tests/lib/common.sh
. "$(dirname "$0")/../lib/common.sh"
: "${HISTORY:?}"
kills=${KILLS:-30}
seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}
size=16M

# each life of the backend is another: fewer queues, smaller segments, other rings
lives=("--workers 2" "--workers 1 --max-queues 1" "--workers 2 --max-indirect 0"
	"--workers 1 --max-ring-order 0" "--workers 2 --max-queues 2 --max-indirect 32 --max-persistent 0")

# The library says on stderr when it is connected again.
again() { [ "$(grep -c 'connected again' "$work/err.history")" -gt "$1" ]; }
connected() { tandem block-list guest0 | grep -q Connected; }
ended() { ! [ -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"; }
noise() { grep -v -e 'connected again' -e 'went away, waiting' "$work/err.history"; }

history_start() {
	: >"$work/err.history"
	TANDEM_LOG=info background "$HISTORY" --seed "$seed" "$@" guest0/xvda \
		>"$work/counts" 2>"$work/err.history"
	history_pid=$bg
	wait_for 10 connected || fail "does not connect"
}

# kill_often HOW-OFTEN: times in microseconds go to $work/pauses
kill_often() {
	local i start
	: >"$work/pauses"
	for ((i = 0; i < $1; i++)); do
		kill -0 "$history_pid" 2>/dev/null || break
		sleep "0.0$((RANDOM % 90 + 10))"
		start=${EPOCHREALTIME/./}
		kill -9 "$blkback_pid"
		wait "$blkback_pid" 2>/dev/null
		# shellcheck disable=SC2086
		blkback_start drv0 --allow "$work" ${lives[i % ${#lives[@]}]}
		wait_for 20 again "$i" || {
			fail "kill $((i + 1)): not connected again within 20 s"
			break
		}
		echo $((${EPOCHREALTIME/./} - start)) >>"$work/pauses"
	done
	is "kills" "$1" "$i"
}

# history_end STATUS
history_end() {
	kill -TERM "$history_pid"
	wait_for 60 ended "$history_pid" || {
		fail "history does not end (seed $seed): an I/O was lost"
		kill -9 "$history_pid"
	}
	wait "$history_pid"
	is "history's status (seed $seed)" "$1" $?
	[ "$1" != 0 ] || is "what history says" "" "$(noise | head -n 30)"
}

pauses() {
	sort -n "$work/pauses" | awk '{ p[NR] = $1 / 1000 } END { if (NR) printf \
		"%d kills, to replayed with the restart: p50 %.1f ms, max %.1f ms\n",
		NR, p[int((NR + 1) / 2)], p[NR] }'
}

one_driver() {
	local img=$work/$1.img disk="vdev=xvda,backend=drv0"
	truncate -s $size "$img"
	if [ "$1" = zstd ]; then
		ok tandem image convert "$img" "$work/disk.zst"
		disk+=",format=zstd,target=$work/disk.zst"
	else
		disk+=",backendtype=$1,target=$img"
	fi
	ok tandem block-attach guest0 "$disk"
	history_start --out "$work/final"
	kill_often "$kills"
	history_end 0
	echo "$1: $(cat "$work/counts")"
	echo "$1: $(pauses)"
	matches "$1 was written to" '^[0-9]{3,} writes' "$(cat "$work/counts")"
	ok tandem block-detach guest0 xvda
	if [ "$1" = zstd ]; then
		# a detach that meets a frontend's end may return before the disk is closed
		wait_for 5 tandem image check "$work/disk.zst"
		ok tandem image commit "$work/disk.zst"
		zstd -dcq "$work/disk.zst" >"$img"
	fi
	ok cmp "$img" "$work/final"
	rm -f "$img" "$work/final"
}

# Somebody overwrites the image: the checker sees it, or it is none.
sees_damage() {
	truncate -s $size "$work/damage.img"
	ok tandem block-attach guest0 "vdev=xvda,backend=drv0,target=$work/damage.img"
	history_start
	sleep 0.5
	cp --sparse=never "$work/damage.img" "$work/old"
	sleep 0.5
	dd if="$work/old" of="$work/damage.img" bs=1M skip=4 seek=4 count=2 conv=notrunc status=none
	sleep 0.2
	history_end 1
	matches "damage" 'is stale|is torn' "$(noise | head -n 3)"
	ok tandem block-detach guest0 xvda
	rm -f "$work/old" "$work/damage.img"
}

hvd_start
ok tandem create guest0
ok tandem create drv0
blkback_start drv0 --allow "$work" --workers 2
for driver in ${DRIVERS:-uring aio zstd}; do
	one_driver "$driver"
done
sees_damage
finish
