#!/bin/bash
# SPDX-License-Identifier: MIT
# The block verbs against a real backend, and against one that misbehaves.
# shellcheck disable=SC2086 # paths of xenstore contain no blanks
# shellcheck source=tests/lib/common.sh
. "$(dirname "$0")/../lib/common.sh"

img=$work/disk.img
truncate -s 8M "$img" "$work/other.img"

# values PATH...: on one line
values() { xenstore-read "$@" | tr "\n" " " | sed "s/ \$//"; }

state_of() { json ".[] | select(.vdev == \"$2\") | .state_name" tandem block-list "$1" --json; }

attach_and_list() {
	local g b fe be
	g=$(tandem domid guest0) b=$(tandem domid drv0)
	fe=/local/domain/$g/device/vbd/51712 be=/local/domain/$b/backend/vbd/$g/51712
	ok tandem block-attach guest0 \
		"format=raw,vdev=xvda,access=rw,backend=drv0,iops=1K,target=$img"
	is "state" InitWait "$(state_of guest0 xvda)"
	is "frontend: backend" "$be" "$(xenstore-read $fe/backend)"
	is "frontend: keys" "$b 1 51712 disk" "$(values $fe/backend-id \
		$fe/state $fe/virtual-device $fe/device-type)"
	is "backend: keys" "$fe $g 1 xvda w $img uring phy 1 1024" \
		"$(values $be/{frontend,frontend-id,online,dev,mode,params} \
			$be/{driver,type,discard-enable,throttle-iops})"
	matches "permissions" "n$g,r$b" "$(xenstore-ls -f -p /local/domain/$g | grep '51712 ')"
	matches "permissions" "n$b,r$g" "$(xenstore-ls -f -p /local/domain/$b | grep '51712 ')"
	is "O_DIRECT is the backend's choice" "" "$(xenstore-read $be/direct-io-safe 2>/dev/null)"
	bad 'guest0 has that device .51712. already' \
		tandem block-attach guest0 "backend=drv0,$img,,xvda"
	bad 'already' tandem block-attach guest0 "backend=drv0,$img,,51712"
	ok tandem block-attach guest0 backend=drv0 backendtype=ram vdev=xvdb direct=off target=4M
	is "direct=off" 0 "$(xenstore-read ${be%51712}51728/direct-io-safe)"
	is "two disks" "xvda uring xvdb ram" \
		"$(json 'map(.vdev, .driver) | join(" ")' tandem block-list guest0 --json)"
	matches "block-list" "xvda +51712 +$b +InitWait +uring +w +.* +$img" \
		"$(tandem block-list guest0)"
	is "stats" true "$(json 'all(.stats | has("queues"))' \
		tandem block-list guest0 --json --stats)"
	is "info counts" 2 "$(json .disks tandem info --json)"
	ok tandem block-resize guest0 xvda
	ok tandem block-resize guest0 xvda --json
	is "resize --json" xvda "$(jq -r .vdev "$work/out")"
	ok tandem block-detach guest0 xvda
	is "one is left" xvdb "$(json '.[].vdev' tandem block-list guest0 --json)"
	ok tandem block-detach guest0 51728
	is "none is left" 0 "$(json length tandem block-list guest0 --json || true)"
}

# shellcheck disable=SC2317 # wait_for calls it
connected() { [ "$(state_of "$1" xvda)" = Connected ]; }

# While a frontend has the disk and reads from it all the time.
in_use() {
	local g
	ok tandem block-attach guest0 "backend=drv0,vdev=xvda,target=$img"
	background "$EXAMPLES/bench" guest0/xvda 4 60 >/dev/null 2>&1
	wait_for 10 connected guest0 || fail "not connected"
	is "size" $((8 << 20)) "$(json '.[0].size' tandem block-list guest0 --json)"
	is "counters" true \
		"$(json '.[0].stats.reads > 0' tandem block-list guest0 --json --stats)"
	matches "counters" 'reads +[1-9]' "$(tandem block-list guest0 --stats)"
	matches "not resized" '8M .8388608 bytes' "$(tandem block-resize guest0 xvda)"
	truncate -s 16M "$img"
	matches "resized" '16M .16777216 bytes' "$(tandem block-resize guest0 xvda)"
	is "resize --json" 16777216 "$(json .size tandem block-resize guest0 xvda --json)"
	is "still connected" Connected "$(state_of guest0 xvda)"
	ok tandem block-detach guest0 xvda
	is "detached under load" 0 "$(json length tandem block-list guest0 --json)"
	end_pid "$bg"
	# a guest that is destroyed with its disk in use
	ok tandem create g4 "disk=['backend=drv0,$img,,xvda']"
	g=$(tandem domid g4)
	background "$EXAMPLES/bench" g4/xvda 4 60 >/dev/null 2>&1
	wait_for 10 connected g4 || fail "not connected"
	ok tandem destroy g4
	is "nothing is left" "" "$(tree | grep "vbd/$g/")"
	truncate -s 8M "$img"
}

# What the backend says is wrong reaches the person, and nothing is left.
refused() {
	local d=backend=drv0,vdev=xvda
	bad 'nonexistent.*No such file' tandem block-attach guest0 \
		"$d,target=$work/nonexistent"
	bad "$work" tandem block-attach guest0 "$d,target=$work"
	bad 'put the other keys before it' tandem block-attach guest0 \
		"$d,target=$img,access=r"
	bad 'driver|zstd' tandem block-attach guest0 "$d,format=zstd,target=$img"
	bad '/dev/nosuchdevice' tandem block-attach guest0 "$d,target=nosuchdevice"
	bad 'No such file' tandem create g2 "disk=['$d,target=$work/nonexistent']"
	ok tandem block-attach guest0 "$d,target=$img" # an old error is not told again
	ok tandem block-detach guest0 xvda
}

# Values and paths that a guest or a driver domain may write.
hostile() {
	local g b fe be before
	ok tandem create drv1 # where no program runs: what we write stays
	g=$(tandem domid guest0) b=$(tandem domid drv1)
	fe=/local/domain/$g/device/vbd/51712 be=/local/domain/$b/backend/vbd/$g/51712
	ok tandem block-attach --wait 0 guest0 "backend=drv1,vdev=xvda,target=$img"
	xenstore-write /precious keep
	before=$(xenstore-read /local/domain/$b/name)
	for path in /precious "/local/domain/$b" "$be/../../.." / "" \
		"/local/domain/0/backend/vbd/$g/51712"; do
		xenstore-write $fe/backend "$path" $fe/backend-id 0
		is "block-list with backend=$path" "$b" \
			"$(json '.[0].backend_id' tandem block-list guest0 --json)"
	done
	xenstore-write -- $be/state nonsense $be/dev $'x\033[2J' $be/sectors -1
	is "nonsense" 'Unknown 0' "$(json '.[0] | "\(.state_name) \(.size)"' \
		tandem block-list guest0 --json)"
	tandem block-list guest0 | grep -q $'\033' && fail "an escape reached the terminal"
	xenstore-write $fe/../../vbd/nonsense x "$fe/../99999999999999" x 2>/dev/null
	ok tandem block-list guest0
	ok tandem block-detach guest0 xvda --force
	is "nothing else went" "keep $before" \
		"$(xenstore-read /precious) $(xenstore-read "/local/domain/$b/name")"
	xenstore-rm /precious
	ok tandem destroy drv1
}

# A backend that takes a device and then says nothing: detach waits, --force does not.
silent() {
	local g be
	g=$(tandem domid guest0) be=/local/domain/0/backend/vbd/$g/51712
	ok tandem block-attach --wait 0 guest0 "vdev=xvda,target=$img"
	xenstore-write $be/state 2
	tandem block-detach --wait 0.2 guest0 xvda 2>"$work/err"
	is "a silent backend" 2 $?
	matches "says so" '--force' "$(cat "$work/err")"
	is "asked to close" "0 5" "$(values $be/online $be/state)"
	ok tandem block-detach guest0 xvda --force
	# one that closes at once, without a word
	(wait_for 5 xenstore-read $be/state && xenstore-write $be/state 6) &
	bad 'closed the device' tandem block-attach guest0 "vdev=xvda,target=$img"
	# an error as Linux writes it, more than one line
	(wait_for 5 xenstore-read $be/state &&
		xenstore-write /local/domain/0/error/backend/vbd/$g/51712/error \
			$'2 first line\nsecond') &
	bad 'xvda: 2 first line.second' tandem block-attach guest0 "vdev=xvda,target=$img"
	# nobody looked at it yet: nothing to wait for
	ok tandem block-attach --wait 0 guest0 "vdev=xvda,target=$img"
	ok tandem block-detach --wait 10 guest0 xvda
}

destroy_with_disks() {
	local b before
	b=$(tandem domid drv0)
	before=$(tree)
	ok tandem create g3 "disk=['backend=drv0,$img,,xvda', 'backend=drv0,$work/other.img,,xvdb,r']"
	is "created with disks" "InitWait InitWait" \
		"$(json 'map(.state_name) | join(" ")' tandem block-list g3 --json)"
	ok tandem destroy g3
	is "nothing is left" "$before" "$(tree)"
	ok tandem block-attach guest0 "backend=drv0,$img,,xvda"
	end_pid "$blkback_pid"
	ok tandem destroy drv0
	is "the frontend's half stays" 51712 \
		"$(json '.[].devid' tandem block-list guest0 --json)"
	ok tandem block-detach guest0 xvda
}

hvd_start
: "${EXAMPLES:?}"
ok tandem create guest0
ok tandem create drv0
blkback_start drv0 --allow "$work"
attach_and_list
in_use
refused
hostile
silent
destroy_with_disks
finish
