# shellcheck shell=bash disable=SC2034 # set here, used by the tests
# SPDX-License-Identifier: MIT
# What tests of the emulated PC share, besides guest.sh: machines, what stands on their
# screens, keys, and scripts for the Linux that $VM_IMAGES/pc-*.iso and pc-disk.img boot.
#
# COM1 of machine NAME is in $VM_LOGS/NAME.console; pc_shot leaves its screen there.
# shellcheck source=tests/vm/guest.sh
. "$(dirname "${BASH_SOURCE[0]}")/guest.sh"
images=$VM_IMAGES

# pc_start: a hypervisor; machines' serial lines are logged
pc_start() {
	hvd_start
	ln -s "$VM_LOGS" "$TANDEM_DIR/log"
}

# pc_create NAME LINE...: a PC of 128 MiB, or what those lines of xl.cfg say
pc_create() {
	local name=$1
	shift
	{
		printf 'name = "%s"\ntype = "hvm"\nserial = "pty"\n' "$name"
		[[ " $* " == *" memory = "* ]] || echo "memory = 128"
		printf '%s\n' "$@"
	} >"$work/$name.cfg"
	ok tandem create "$work/$name.cfg"
}

# A CD in hdc, in words of xl.cfg; "format=raw": the path may be anything
pc_cd() { echo "'format=raw,vdev=hdc,devtype=cdrom,access=ro,target=$1'"; }
# pc_disk VDEV FILE
pc_disk() { echo "'format=raw,vdev=$1,access=rw,target=$2'"; }

pc_text() { tandem screen-text "$1"; }

# pc_shot NAME [SUFFIX]: the screen, as a picture and as text
pc_shot() {
	tandem screenshot "$1" "$VM_LOGS/$1${2-}.png" 2>/dev/null
	pc_text "$1" >"$VM_LOGS/$1${2-}.screen" 2>/dev/null
}

pc_screen_has() { pc_text "$1" 2>/dev/null | grep -qE -- "$2"; }

# pc_screen_wait NAME PATTERN SECONDS: a line of the screen matches
pc_screen_wait() {
	local end=$((SECONDS + $3))
	checks=$((checks + 1))
	until pc_screen_has "$1" "$2"; do
		[ $SECONDS -lt $end ] || {
			pc_shot "$1" .late
			fail "$1: no '$2' on the screen: $(cat "$VM_LOGS/$1.late.screen")"
			return 1
		}
		sleep 1
	done
}

# pc_key NAME KEY...: one after the other
pc_key() { ok tandem send-key "$@"; }

# pc_type NAME TEXT: and enter
pc_type() { ok tandem send-key "--text=$2" "$1" enter; }

pc_console() { echo "$VM_LOGS/$1.console"; }

# pc_console_wait NAME PATTERN SECONDS
pc_console_wait() {
	local end=$((SECONDS + $3))
	checks=$((checks + 1))
	until [ -e "$(pc_console "$1")" ] && guest_said "$(pc_console "$1")" "$2"; do
		[ $SECONDS -lt $end ] || {
			pc_shot "$1" .late
			fail "$1: no '$2' on its serial line: $(tail -n 5 "$(pc_console "$1")")"
			return 1
		}
		sleep 1
	done
}

# pc_script FILE: stdin becomes a disk whose Linux guest runs it, with these functions:
# try WHAT COMMAND... (the script ends with 1 if that fails), and those of pc-guest
pc_script() {
	{
		echo '#!/bin/sh'
		echo "nested=$VM_NESTED"
		cat "$VM_DIR/pc-guest" -
	} >"$1"
	truncate -s %512 "$1"
}

# pc_ran NAME SECONDS: Linux ran the script, which ended with 0
pc_ran() {
	pc_console_wait "$1" 'GUEST-RC=' "$2"
	pc_shot "$1"
	guest_up "$1" "$(pc_console "$1")"
	is "$1: status of its script" 0 "$(guest_status "$(pc_console "$1")")"
	tr -d '\r' <"$(pc_console "$1")" | grep -a '^TRY ' | sed "s/^TRY/$1:/"
}

# pc_ended NAME SECONDS: it has powered off by itself, so its domain has gone
pc_ended() {
	local end=$((SECONDS + $2))
	checks=$((checks + 1))
	while tandem domid "$1" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || {
			fail "$1 has not ended"
			return 1
		}
		sleep 1
	done
}

# pc_taps N: network interfaces tap1 to tapN that are this side of a machine's cards, in a
# namespace of the test's own; the test is in it when this returns
pc_taps() {
	local i
	ip link set lo up
	for ((i = 1; i <= $1; i++)); do
		ip tuntap add "tap$i" mode tap
		ip addr add "10.0.$i.2/24" dev "tap$i"
		ip link set "tap$i" up
	done
}

# pc_vif N MODEL: the card that has tapN as its other end, in words of xl.cfg
pc_vif() { echo "'model=$2,port=tap:tap$1,mac=00:16:3e:00:00:0$1'"; }

# own_netns: root, and a network namespace of its own
own_netns() {
	[ "$(id -u)" = 0 ] || {
		echo "makes taps in a namespace of its own: root only"
		exit 77
	}
	[ "${IN_NETNS-}" = 1 ] || IN_NETNS=1 exec unshare -n "$0"
}

# pc_transfers N FILE BYTES: FILE to the guest's nets 1 to N, which say its sum and send as
# many bytes of `yes tandem` back; see net_serve of pc-guest
pc_transfers() {
	local i sum got
	sum=$(sha256sum <"$2")
	for ((i = 1; i <= $1; i++)); do
		pc_console_wait "$3" "NET $i ready" 100 || return
		timeout 200 "$VM_DIR/tcp.py" "10.0.$i.1" 5000 send "$2" || fail "net $i: cannot send"
		pc_console_wait "$3" "NET $i got ${sum%% *}" 60
		wait_for 20 pc_back "$i" || fail "net $i: nothing comes back"
		is "net $i: what came" "$(yes tandem | head -c "$4" | sha256sum)" \
			"$(sha256sum <"$work/got.$i")"
	done
}

pc_back() { timeout 200 "$VM_DIR/tcp.py" "10.0.$1.1" 5001 receive >"$work/got.$1"; }
