#!/bin/bash
# SPDX-License-Identifier: MIT
# The examples of libtandem do what they say, and refuse what they cannot do.
#
# Wants TANDEM, TANDEM_HVD, TANDEM_BLKBACK, EXAMPLES (their directory).
. "$(dirname "$0")/../lib/common.sh"
: "${EXAMPLES:?}"

# refuses STATUS TEXT COMMAND...: ends with that status, its line has that text
refuses() {
	local status=$1 text=$2
	shift 2
	"$@" >"$work/out" 2>&1
	is "$*: status" "$status" $?
	is "$*: one line" 1 "$(wc -l <"$work/out")"
	grep -q "$text" "$work/out" || fail "$*: $(cat "$work/out")"
}

refuses 2 "hv.sock" "$EXAMPLES/hello" guest0/xvda
hvd_start
ok tandem create guest0
ok tandem create drv0
refuses 2 "no disk xvda (it has none)" "$EXAMPLES/hello" guest0/xvda
blkback_start drv0 --workers 2
head -c 8M /dev/urandom >"$work/a.img"
truncate -s 9M "$work/b.img"
truncate -s 4M "$work/small.img"
ok tandem block-attach guest0 "vdev=xvda,backend=drv0,access=rw,target=$work/a.img"
ok tandem block-attach guest0 "vdev=xvdb,backend=drv0,access=rw,target=$work/b.img"
ok tandem block-attach guest0 "vdev=xvdc,backend=drv0,access=r,target=$work/small.img"

refuses 2 "it has xvda, xvdb, xvdc" "$EXAMPLES/hello" guest0/xvdd
refuses 2 "not a virtual disk" "$EXAMPLES/hello" guest0/disk
refuses 2 "DOMAIN/VDEV" "$EXAMPLES/hello" xvda
refuses 2 "guest0/xvdc is read-only" "$EXAMPLES/hello" guest0/xvdc
refuses 2 "smaller" "$EXAMPLES/copy" guest0/xvdb guest0/xvda

ok "$EXAMPLES/copy" guest0/xvda guest0/xvdb
is "the copy" "$(sha256sum <"$work/a.img")" "$(head -c 8M "$work/b.img" | sha256sum)"
is "what hello says" "$(printf '%s\n' '8388608 bytes, 512-byte sectors' 'hello, disk')" \
	"$("$EXAMPLES/hello" guest0/xvda)"
is "what hello wrote" "hello, disk" "$(head -c 11 "$work/a.img")"
is "the rest of the disk" "$(tail -c +513 "$work/a.img" | sha256sum)" \
	"$(head -c 8M "$work/b.img" | tail -c +513 | sha256sum)"
"$EXAMPLES/bench" guest0/xvda 8 0.2 | grep -q '^[0-9]* reads/s' || fail "bench"

# one program a disk
background "$EXAMPLES/bench" guest0/xvda 4 60
bench_pid=$bg
connected() { tandem block-list guest0 | grep -q 'xvda.*Connected'; }
wait_for 10 connected || fail "bench does not connect"
refuses 2 "in use by another" "$EXAMPLES/hello" guest0/xvda
kill -9 "$bench_pid"
wait "$bench_pid" 2>/dev/null
# a program that was killed leaves the disk to the next
wait_for 10 "$EXAMPLES/hello" guest0/xvda || fail "the disk is lost after a kill"
finish
