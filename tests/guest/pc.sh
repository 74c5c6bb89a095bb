#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs a microguest that is a PC's firmware, on this machine's KVM, whatever it can.
#
#   pc.sh TANDEM_VM FIRMWARE
#
# 77: there is no /dev/kvm.
set -eu
if ! [ -r /dev/kvm ] || ! [ -w /dev/kvm ]; then
	echo "no /dev/kvm here, or none for this user"
	exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
truncate -s 1M "$work/disk"
status=0
timeout 60 "$1" --memory 16 --firmware "$2" --xen-platform --call-port --no-vga \
	--disk "vdev=hda,target=$work/disk" --vif "mac=00:16:3e:00:00:01,port=sink" \
	</dev/null >"$work/out" 2>"$work/err" || status=$?
if [ "$status" != 0 ] || ! grep -qx 'all of it' "$work/err" ||
	[ "$(cat "$work/out")" != 'from the ring' ]; then
	echo "status $status:" >&2
	cat "$work/err" >&2
	exit 1
fi
