#!/bin/bash
# SPDX-License-Identifier: MIT
# A PC whose guest uses Xen: it is asked to suspend itself, as a PVH guest is, and finds a
# new domain when it wakes up.
# shellcheck source=tests/guest/life-lib.sh
. "$(dirname "$0")/life-lib.sh"
: "${FIRMWARE:?}"
there=$work/hv2
cat >"$work/g.cfg" <<EOF
name = "g"
type = "hvm"
firmware_override = "$FIRMWARE"
memory = 16
vnc = 0
xen_platform_pci = 1
vif = [ "mac=00:16:3e:01:02:03,model=e1000,port=sink" ]
EOF

# at DIR COMMAND...: with that hypervisor
at() {
	local TANDEM_DIR=$1 XENSTORED_PATH=$1/xenstored/socket
	shift
	"$@"
}

hvd_start
background "$TANDEM_HVD" --dir "$there"
at "$there" wait_for 20 tandem info || fail "the other tandem-hvd does not answer"
ok tandem create --wait 20 "$work/g.cfg"
wait_for 20 log_is UP || {
	fail "it does not come up: $(log) $(cat "$TANDEM_DIR/log/g.log")"
	finish
}
suspends tandem save --checkpoint g "$work/g.saved"
said "it never was away" $'UP\nSTILL'
suspends tandem save g "$work/g.saved"
ends "save"
ok tandem restore --wait 20 "$work/g.saved"
said "woken" $'UP\nSTILL\nWOKE'
types hi 1
said "the echo" $'UP\nSTILL\nWOKE\nhi'
suspends tandem migrate g "unix:$there"
ends "here"
at "$there" said "woken there" WOKE
at "$there" types hi 1
at "$there" said "the echo there" $'WOKE\nhi'
ok at "$there" tandem destroy g
nothing_left
finish
