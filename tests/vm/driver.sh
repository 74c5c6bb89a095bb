# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the tests of driver domains share, besides guest.sh: VMs under tandem-hvd, and a
# Linux guest that serves disks and vifs by its own backends.
# shellcheck source=tests/vm/guest.sh
. "$(dirname "${BASH_SOURCE[0]}")/guest.sh"

needs xenstore-watch
PATH=$(dirname "$TANDEM_VM"):$PATH # tandem starts tandem-vm

# console NAME: its transcript so far
console() { echo "$TANDEM_DIR/log/$1.console"; }
# said NAME PATTERN: a line of its console matches
said() { guest_said "$(console "$1")" "$2"; }
# ended NAME: its domain has
ended() { ! tandem domid "$1" 2>/dev/null; }
# The transcripts stay, however the test ends.
transcripts() {
	local f
	for f in "$TANDEM_DIR"/log/*; do
		[ ! -e "$f" ] || cp "$f" "$VM_LOGS"
	done
}
trap 'transcripts; cleanup' EXIT

# must WHAT COMMAND...: what comes next needs it
must() {
	local what=$1
	shift
	checks=$((checks + 1))
	"$@" && return
	fail "$what"
	finish
}

# vm NAME KERNEL ARCHIVE WORDS LINE...: creates it, with WORDS for its kernel and more
# LINEs for its configuration
vm() {
	local name=$1
	{
		echo "name='$1'"
		echo "type='pvh'"
		echo "kernel='$VM_IMAGES/vmlinux-$2'"
		echo "ramdisk='$3'"
		echo "extra='console=hvc0 panic=-1 nokaslr mitigations=off $4'"
		shift 4
		printf '%s\n' "$@"
	} >"$work/$name.cfg"
	ok tandem create "$work/$name.cfg"
	must "$name is created" [ "$failures" = 0 ]
}

# xenstore_tools: NAME=PATH words for guest_archive: Xen's xenstore-* tools, with
# what they load
xenstore_tools() {
	local t
	for t in exists list read rm watch write; do
		echo "bin/xenstore-$t=$(command -v xenstore-$t)"
	done
	ldd "$(command -v xenstore-read)" | sed -n 's|.*[ \t]/\(\S*\) (0x.*|\1=/\1|p'
}

# driver_vm NAME LINE...: a driver domain of 6.12, which runs what stands on stdin, then
# serves what it is given
driver_vm() {
	local name=$1 tools
	shift
	read -r -d "" -a tools <<<"$(xenstore_tools)" # no /dev/fd everywhere
	{
		echo '#!/bin/sh'
		cat
		echo 'echo DRIVER-UP; exec tandem-devd'
	} | guest_archive 6.12 "$work/$name.cpio" "${tools[@]}" \
		bin/tandem-devd="$VM_DIR/../../tools/tandem-devd"
	vm "$name" 6.12 "$work/$name.cpio" "backends quiet" "memory=320" "$@"
	must "the driver domain is up" wait_for 90 said "$name" DRIVER-UP
}
