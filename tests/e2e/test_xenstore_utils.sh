#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's xenstore-utils against tandem's xenstore.
# shellcheck source=tests/lib/common.sh
. "$(dirname "$0")/../lib/common.sh"

# fails COMMAND...: a status that is not 0
fails() {
	checks=$((checks + 1))
	"$@" >"$work/out" 2>"$work/err" && fail "$*: succeeded"
}

values() {
	ok xenstore-write /t/a one /t/b/c "two words" /t/empty ""
	is "read" one "$(xenstore-read /t/a)"
	is "read -p" "/t/a: one" "$(xenstore-read -p /t/a)"
	is "read of several" $'one\ntwo words' "$(xenstore-read /t/a /t/b/c)"
	is "an empty value" "" "$(xenstore-read /t/empty)"
	ok xenstore-write /t/raw 'a\x41\x01'
	is "escaped" 'aA\001' "$(xenstore-read /t/raw)"
	ok xenstore-write -R /t/raw 'a\x41'
	is "raw" 'a\x41' "$(xenstore-read -R /t/raw)"
	is "list" $'a\nb\nempty\nraw' "$(xenstore-list /t)"
	is "list -p" $'/t/a\n/t/b\n/t/empty\n/t/raw' "$(xenstore-list -p /t)"
	ok xenstore-exists /t/b
	fails xenstore-exists /t/none
	fails xenstore-read /t/none
	fails xenstore-write "/t/bad name" x
	ok xenstore-rm /t/raw
	ok xenstore-rm /t/b/none
	fails xenstore-rm /t/none/none
	is "ls" $'a = "one"\nb = ""\n c = "two words"\nempty = ""' "$(xenstore-ls /t)"
	is "ls -f" $'/t/a = "one"\n/t/b = ""\n/t/b/c = "two words"\n/t/empty = ""' \
		"$(xenstore-ls -f /t)"
	# -t: the parents that are empty now go, too
	ok xenstore-rm -t /t/b/c
	fails xenstore-exists /t/b
	ok xenstore-exists /t/a
}

# More names than a message holds: libxenstore asks for parts.
long_directory() {
	local i args=()
	for ((i = 0; i < 700; i++)); do
		args+=("/long/child-number-$i" "$i")
	done
	ok xenstore-write "${args[@]}"
	is "names" 700 "$(xenstore-list /long | wc -l)"
	is "the last" child-number-699 "$(xenstore-list /long | tail -n 1)"
	is "ls" 700 "$(xenstore-ls /long | grep -c '^child-number-')"
	ok xenstore-rm /long
}

permissions() {
	local id
	tandem create guest0 >/dev/null || fail "no domain"
	id=$(tandem domid guest0)
	is "of a home" "/local/domain/$id/name = \"guest0\"   (n0,r$id)" \
		"$(xenstore-ls -fp "/local/domain/$id" | grep /name)"
	ok xenstore-write /t/p/q x
	ok xenstore-chmod /t/p "n$id" r0
	matches "chmod" "^p = \"\"[ .]+\\(n$id,r0\\)" "$(xenstore-ls -p /t | grep '^p')"
	ok xenstore-chmod -r /t/p n0 "b$id"
	matches "chmod -r" "q = \"x\"[ .]+\\(n0,b$id\\)" "$(xenstore-ls -p /t/p)"
	fails xenstore-chmod /t/p x0
	ok tandem destroy guest0
	matches "a right ends with its domain" 'q = "x"[ .]+\(n0\)' "$(xenstore-ls -p /t/p)"
}

# lines FILE N: it has so many
# shellcheck disable=SC2317 # wait_for calls it
lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }

watches() {
	local id
	ok xenstore-write /w/a 1
	background xenstore-watch -n 5 /w @releaseDomain >"$work/watch"
	wait_for 10 lines "$work/watch" 2 || fail "watches do not fire at first"
	ok xenstore-write /w/a 2
	wait_for 10 lines "$work/watch" 3 || fail "a write is not told"
	ok xenstore-rm /w
	wait_for 10 lines "$work/watch" 4 || fail "a removal is not told"
	tandem create guest1 >/dev/null
	id=$(tandem domid guest1)
	ok tandem destroy "$id"
	wait_for 10 lines "$work/watch" 5 || fail "a domain's end is not told"
	is "events" $'/w\n@releaseDomain\n/w/a\n/w\n@releaseDomain' "$(cat "$work/watch")"
	wait "$bg" || fail "xenstore-watch did not end well"
}

# Writers at once: xenstore-write does all its keys in one transaction, and
# starts anew as often as it conflicts.
transactions() {
	local i n jobs=()
	for n in 1 2 3 4; do
		(for ((i = 0; i < 25; i++)); do
			xenstore-write /x/same "$n" "/x/same-too" "$n" "/x/$n/$i" "$n" || exit 1
		done) &
		jobs+=($!)
		pids+=($!)
	done
	for n in "${jobs[@]}"; do
		wait "$n" || fail "a writer failed"
	done
	is "both or none" "$(xenstore-read /x/same)" "$(xenstore-read /x/same-too)"
	is "all were done" 106 "$(xenstore-ls -f /x | wc -l)"
}

# The directory works as well as the socket's path.
by_rundir() {
	is "XENSTORED_RUNDIR" one \
		"$(env -u XENSTORED_PATH XENSTORED_RUNDIR="$TANDEM_DIR/xenstored" \
			xenstore-read /t/a)"
	fails env XENSTORED_PATH="$work/none" xenstore-read /t/a
}

hvd_start
values
long_directory
permissions
watches
transactions
by_rundir
finish
