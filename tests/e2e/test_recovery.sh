#!/bin/bash
# SPDX-License-Identifier: MIT
# kill -9 of the backend at random moments under fio --verify: the frontend
# meets the next one and replays. KILLS (20): how often. Prints the pauses.
#
# Wants TANDEM, TANDEM_HVD, TANDEM_BLKBACK, FIO_ENGINE (the engine's path).
. "$(dirname "$0")/../lib/common.sh"

needs fio
[ -n "${FIO_ENGINE:-}" ] && [ -e "$FIO_ENGINE" ] || {
	echo "the fio engine is not built (meson option fio_src)"
	exit 77
}
kills=${KILLS:-20}

hvd_start
ok tandem create guest0
ok tandem create drv0
truncate -s 256M "$work/raw.img"
blkback_start drv0 --workers 2
ok tandem block-attach guest0 "vdev=xvda,backend=drv0,access=rw,target=$work/raw.img"

# the library's own lines tell when it is connected again
TANDEM_LOG=info fio --name=mix --ioengine=external:"$FIO_ENGINE" --filename=guest0/xvda \
	--numjobs=2 --iodepth=16 --size=100m --offset_increment=128m --rw=randrw \
	--bsrange=512-256k --verify=crc32c --verify_fatal=1 --verify_backlog=512 \
	--verify_state_save=0 --time_based=1 --runtime=600 --randseed=$RANDOM \
	>"$work/fio" 2>"$work/fio.err" &
fio_pid=$!
pids+=("$fio_pid")
connected() { tandem block-list guest0 | grep -q Connected; }
wait_for 10 connected || fail "fio does not connect"

again() { [ "$(grep -c 'connected again' "$work/fio.err")" -gt "$1" ]; }

# each life of the backend is another: fewer queues, smaller segments, other rings
lives=("--workers 2" "--workers 1 --max-queues 1" "--workers 2 --max-indirect 0"
	"--workers 1 --max-ring-order 0" "--workers 2 --max-indirect 32 --max-persistent 0")
for ((i = 0; i < kills; i++)); do
	kill -0 "$fio_pid" 2>/dev/null || {
		fail "fio ended after $i kills: $(tail -n 20 "$work/fio")"
		break
	}
	sleep "0.0$((RANDOM % 90 + 10))"
	start=${EPOCHREALTIME/./}
	kill -9 "$blkback_pid"
	wait "$blkback_pid" 2>/dev/null
	# shellcheck disable=SC2086
	blkback_start drv0 ${lives[i % ${#lives[@]}]}
	wait_for 20 again "$i" || {
		fail "kill $((i + 1)): not connected again within 20 s"
		break
	}
	echo $((${EPOCHREALTIME/./} - start)) >>"$work/pauses"
done
kill -INT "$fio_pid"
wait "$fio_pid"
is "fio's status (ended by a signal)" 128 $?
is "fio's errors" "err= 0" "$(grep -o 'err= *[0-9]*' "$work/fio" | sort -u)"
is "reconnects" "$kills" "$(grep -c 'connected again' "$work/fio.err")"
is "lines on stderr that are none of them" "" "$(grep -v -e 'connected again' \
	-e 'went away, waiting' -e 'multiple writers' -e 'reconnects, pause' "$work/fio.err")"
sort -n "$work/pauses" | awk '{ p[NR] = $1 / 1000 }
	END { printf "%d kills: from kill -9 to replayed, restart of the process included: " \
		"p50 %.1f ms, max %.1f ms\n", NR, p[int((NR + 1) / 2)], p[NR] }'
ok tandem block-detach guest0 xvda
# nothing leaked: the backend has let go of all, and serves the next one
ok tandem block-attach guest0 "vdev=xvda,backend=drv0,access=rw,target=$work/raw.img"
ok tandem block-detach guest0 xvda
finish
