#!/bin/bash
# SPDX-License-Identifier: MIT
# A driver domain that is a VM: Linux's own xen-blkback in one guest exports its disk,
# which tandem-blkback serves, to another guest. timeout: 250 s
. "$(dirname "$0")/guest.sh"

hvd_start
ln -s "$VM_LOGS" "$TANDEM_DIR/log"
ok tandem create drv0
blkback_start drv0 --allow "$work" --workers 1
truncate -s 32M "$work/data"

# vm NAME ARCHIVE WORDS [LINE]: LINE is one more of its configuration
vm() {
	cat >"$work/$1.cfg" <<-EOF
		name = "$1"
		type = "pvh"
		kernel = "$VM_IMAGES/vmlinux-6.12"
		ramdisk = "$2"
		extra = "console=hvc0 panic=-1 nokaslr mitigations=off quiet $3"
		${4-}
	EOF
	ok tandem create "$work/$1.cfg"
}

# until_true SECONDS COMMAND...
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 1
	done
}
said() { guest_said "$VM_LOGS/$1.log" "$2"; }
ended() { tandem list | grep -qE "^$1 .* -\$"; }

guest_archive 6.12 "$work/driver.cpio" <<-'EOF'
	#!/bin/sh
	[ -d /sys/bus/xen-backend/drivers/vbd ] || exit 3
	echo READY
	sleep 600
EOF
guest_archive 6.12 "$work/user.cpio" <<-'EOF'
	#!/bin/sh
	i=0
	until [ -b /dev/xvda ] || [ $i = 600 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	yes tandem | head -c 4194304 | dd of=/dev/xvda bs=64k iflag=fullblock oflag=direct || exit 4
	yes tandem | head -c 4194304 >/tmp/want
	dd if=/dev/xvda of=/tmp/got bs=64k count=64 iflag=direct || exit 5
	cmp /tmp/want /tmp/got
EOF
vm driver "$work/driver.cpio" backends "disk = [ 'backend=drv0,vdev=xvda,target=$work/data' ]"
vm user "$work/user.cpio" ""
until_true 90 said driver READY || fail "the driver domain is not up"

# what a hotplug script does there: which device it is, by its number
vbd=/local/domain/$(tandem domid driver)/backend/vbd/$(tandem domid user)/51712
(until_true 60 tandem xs read "$vbd/state" &&
	tandem xs write "$vbd/physical-device" ca:0 &&
	tandem xs write "$vbd/hotplug-status" connected) &
ok tandem block-attach --wait 60 user "backend=driver,vdev=xvda,target=/dev/xvda"
wait $!
until_true 120 ended user || fail "the user has not ended"
guest_up user "$VM_LOGS/user.log"
is "status of its script" 0 "$(guest_status "$VM_LOGS/user.log")"
is "what it wrote" "$(yes tandem | head -c 4194304 | sha256sum)" \
	"$(head -c 4194304 "$work/data" | sha256sum)"
tandem destroy user >/dev/null 2>&1
tandem destroy driver >/dev/null 2>&1
is "domains left" 2 "$(tandem list | tail -n +2 | wc -l)"
finish
