#!/bin/bash
# SPDX-License-Identifier: MIT
# A Linux guest through its life by the verbs of tandem: console, pause, reboot with its
# disk, shutdown, a crash by sysrq with a core dump, destroy. timeout: 600 s
# shellcheck disable=SC2016 # what is typed, the guest expands
. "$(dirname "$0")/guest.sh"
needs jq readelf

export TANDEM_DUMP_DIR=$work
hvd_start
ln -s "$VM_LOGS" "$TANDEM_DIR/log"
ok tandem create drv0
blkback_start drv0 --allow "$work" --workers 1
truncate -s 16M "$work/disk"

# no /test: a shell on its console
k=6.12
cat >"$work/g.cfg" <<-EOF
	name = "g"
	type = "pvh"
	kernel = "$VM_IMAGES/vmlinux-$k"
	ramdisk = "$VM_IMAGES/guest-$k.cpio"
	extra = "console=hvc0 panic=-1 nokaslr mitigations=off quiet"
	memory = 256
	vcpus = 2
	disk = [ "backend=drv0,vdev=xvda,target=$work/disk" ]
	on_crash = "coredump-destroy"
EOF
log=$TANDEM_DIR/log/g.console
field() { json ".[] | select(.name == \"g\") | .$1" tandem list --json; }
gone() { ! tandem domid g 2>/dev/null; }
said() { tr -d '\r' <"$log" | grep -aqE "$1"; }
says() { wait_for "$1" said "$2" || fail "its console lacks $2: $(tail -n 5 "$log")"; }
types() { printf '%s\n\x1d' "$1" | timeout 20 "$TANDEM" console g >>"$VM_LOGS/viewer"; }

ok tandem create "$work/g.cfg"
says 100 GUEST-UP
sleep 3 # its shell
types 'echo ONE=$((40 + 2))'
says 40 ONE=42
is "list" '256 2' "$(field memory) $(field vcpus)"
is "vcpu-list" 2 "$(json length tandem vcpu-list g --json)"
matches "it knows shutdown" 1 "$(xenstore-read "/local/domain/$(tandem domid g)/control/feature-poweroff")"

# paused, it neither runs nor answers
types 'while :; do echo TICK; sleep 1; done &'
says 40 '^TICK'
ok tandem pause g
is "its state" --p--- "$(field state)"
sleep 1
before=$(grep -ac TICK "$log") time=$(field 'time | floor')
sleep 5
is "ticks while paused" "$before" "$(grep -ac TICK "$log")"
is "time while paused" "$time" "$(field 'time | floor')"
ok tandem unpause g
more() { [ "$(grep -ac TICK "$log")" -gt "$before" ]; }
wait_for 40 more || fail "it does not go on"

# what it writes to its disk is there after a reboot, in a new domain
types 'echo KEPT-DATA | dd of=/dev/xvda bs=512 conv=sync,fsync; echo DD=$?'
says 40 DD=0
id=$(tandem domid g)
ok tandem reboot -F g
ups() { [ "$(tr -d '\r' <"$log" | grep -ac GUEST-UP)" = 2 ]; }
wait_for 150 ups || fail "it does not come up again: $(tail -n 5 "$log")"
[ "$(tandem domid g)" -gt "$id" ] || fail "no new domain"
sleep 3
types 'dd if=/dev/xvda bs=512 count=1 | tr a-z A-Z | sed s/KEPT/READ/'
says 40 READ-DATA

# a crash, for which Debian's kernels must be told to listen: its core is there
types 'echo 1 >/proc/sys/kernel/sysrq; echo SYSRQ-$?'
says 40 SYSRQ-0
ok tandem sysrq g c
wait_for 30 gone || fail "on_crash: it is still there"
says 5 'sysrq triggered crash|SysRq.*crash'
is "notes, one a vcpu" 2 "$(readelf -n "$work/g.core" | grep -c NT_PRSTATUS)"
is "complaints about the core" "" "$(readelf -hln "$work/g.core" 2>&1 >/dev/null)"
grep -aq 'Linux version 6.12' "$work/g.core" || fail "the core has no kernel in it"

# an orderly end, waited for
mv "$log" "$VM_LOGS/crashed.console"
ok tandem create "$work/g.cfg" "on_crash='destroy'"
says 100 GUEST-UP
sleep 3
ok timeout 100 "$TANDEM" shutdown -w -F g
gone || fail "shutdown -w: it is still there"
ok tandem create "$work/g.cfg"
ok tandem destroy g
gone || fail "destroy: it is still there"
is "sockets left" "" "$(ls "$TANDEM_DIR/vm")"
is "keys left" "" "$(tree | grep -E '^/(vm|tandem)')"
finish
