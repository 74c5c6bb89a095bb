#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs microguests on this machine's KVM, whatever it can: they call by a port.
#
#   run.sh TANDEM_VM GUEST [LETTER STATUS]...
#
# Without letters the guest must power off. 77: there is no /dev/kvm.
set -eu
vm=$1 guest=$2
shift 2
if ! [ -r /dev/kvm ] || ! [ -w /dev/kvm ]; then
	echo "no /dev/kvm here, or none for this user"
	exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- '' 0
vcpus=1
[ "${guest##*_}" != smp ] || vcpus=2
while [ $# -gt 0 ]; do
	status=0
	echo 'a line for the guest' | timeout 60 "$vm" --name "${guest##*/}" --memory 16 --vcpus $vcpus \
		--kernel "$guest" --cmdline "p$1" --call-port >"$work/out" 2>"$work/err" ||
		status=$?
	if [ "$status" != "$2" ]; then
		echo "${guest##*/} p$1: status $status, not $2:" >&2
		cat "$work/err" >&2
		exit 1
	fi
	case $guest in
	*guest_console)
		printf 'what?\nA LINE FOR THE GUEST\n' | diff - "$work/out" || exit 1
		;;
	esac
	shift 2
done
