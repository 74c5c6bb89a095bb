# shellcheck shell=bash disable=SC2034 # set here, used by the tests
# SPDX-License-Identifier: MIT
# What tests with Linux guests share, besides ../lib/common.sh: archives for a
# guest, and what a transcript of its console says.
# shellcheck source=tests/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
: "${VM_IMAGES:?} ${VM_LOGS:?}"

kernels="6.12 6.1"

# guest_archive KERNEL FILE [NAME=PATH...]: FILE becomes an initramfs whose guest
# runs what stands on stdin as /test, and has each PATH as /NAME
guest_archive() {
	local kernel=$1 file=$2 dir=$work/archive pair
	shift 2
	rm -rf "$dir"
	mkdir -p "$dir"
	cat >"$dir/test"
	chmod 755 "$dir/test"
	for pair in "$@"; do
		mkdir -p "$(dirname "$dir/${pair%%=*}")"
		cp -L "${pair#*=}" "$dir/${pair%%=*}"
	done
	# a second archive behind the first: the kernel unpacks both
	{ cat "$VM_IMAGES/guest-$kernel.cpio" &&
		(cd "$dir" && find . -mindepth 1 | cpio -o -H newc --quiet -R 0:0); } >"$file"
	rm -rf "$dir"
}

# program NAME: words for guest_archive, of a program and what it loads
program() {
	local path
	path=$(command -v "$1")
	echo "bin/$1=$path"
	ldd "$path" | sed -n 's|.*[ \t]/\(\S*\) (0x.*|\1=/\1|p'
}

# guest_said TRANSCRIPT PATTERN: a line of the console matches
guest_said() { grep -aqE "$2" < <(tr -d '\r' <"$1"); }

# guest_up WHAT TRANSCRIPT [KERNEL]: the guest reached its userland, of that kernel
guest_up() {
	checks=$((checks + 1))
	guest_said "$2" "GUEST-UP ${3-}" ||
		fail "$1: the guest is not up: $(tail -n 5 "$2")"
}

# guest_status TRANSCRIPT: with which status the guest's /test ended, if it did
guest_status() { tr -d '\r' <"$1" | sed -n 's/.*GUEST-RC=//p' | tail -n 1; }

# guest_root FILE: a copy of the root file system that may be written to
guest_root() { cp --sparse=always "$VM_IMAGES/root.ext4" "$1"; }

# vm_peer NAME TAP [ADDRESS]: a switch sw0 of drv0's netback, and on it a process domain whose
# other end is that tap; in a network namespace of the test's own
vm_peer() {
	netback_start drv0 --workers 1 --switch sw0
	ok tandem create "$1"
	wait_for 20 tandem network-attach "$1" "bridge=sw0,backend=drv0" || fail "no netback"
	ok "$TANDEM_NETFRONT" --domain "$1" --tap "$2" --daemonize
	[ -z "${3-}" ] || ip addr add "$3/24" dev "$2"
	ip link set "$2" up
}
