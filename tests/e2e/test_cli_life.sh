#!/bin/bash
# SPDX-License-Identifier: MIT
# The verbs on VMs and their configurations, good and bad, without a VM: nothing here
# needs a /dev/kvm.
# shellcheck source=tests/lib/common.sh
. "$(dirname "$0")/../lib/common.sh"
: "${TANDEM_VM:?}"

# A tandem-vm that only says what it was given, in place of the real one.
cat >"$work/vm" <<-'EOF'
	#!/bin/sh
	printf '%s|' "$@" >&2
	exit 2
EOF
chmod +x "$work/vm"

vm() { tandem create --wait 0.1 g "type='pvh'" "$@"; }

bad_keys() {
	local key value pattern
	while IFS='|' read -r key value pattern; do
		bad "$pattern" vm "kernel='/nowhere'" "$key=$value"
	done <<-'EOF'
		on_poweroff|'sideways'|on_poweroff 'sideways' is unknown: destroy, restart
		on_reboot|['restart']|on_reboot is a list
		on_crash|''|on_crash '' is unknown
		on_crash|'rename-restart'|not supported: on_crash="rename-restart"
		on_watchdog|'soft-reset'|not supported: on_watchdog
		on_watchdog|1|on_watchdog '1' is unknown
		uuid|'short'|uuid 'short' is none
		uuid|'01234567-89ab-cdef-0123-456789abcdeg'|is none
		uuid|'01234567-89ab-cdef-0123-456789abcdef0'|is none
		uuid|'01234567x89ab-cdef-0123-456789abcdef'|is none
		uuid|['a']|uuid is a list
		memory|0|memory '0' is no number
		vcpus|33|vcpus '33' is no number
		kernal|'x'|key 'kernal' is not supported
		exec|'true'|a VM has a kernel instead
	EOF
	bad 'kernel is missing' vm
	bad "a VM's" tandem create g "on_crash='destroy'"
	bad "a VM's" tandem create g "uuid='01234567-89ab-cdef-0123-456789abcdef'"
	bad 'are for VMs' tandem create g --paused
	bad 'are for VMs' tandem create g -c
}

# What fails late takes everything back: the domain, its keys, sockets, processes.
bad_starts() {
	bad '/nowhere: No such file' vm "kernel='/nowhere'"
	bad 'no regular file' vm "kernel='/dev/null'"
	bad 'ramdisk' vm "kernel='/bin/sh'" "ramdisk='/no-ramdisk'"
	bad "no domain 'nope'" vm "kernel='/nowhere'" "disk=['backend=nope,/i,,xvda']"
	bad 'no backend answered' vm "kernel='/nowhere'" "disk=['/i,,xvda']"
	bad 'no backend answered' vm "kernel='/nowhere'" "vif=['']"
	TANDEM_VM=$work/none bad 'none: No such file' vm "kernel='/nowhere'"
	TANDEM_VM=/bin/true bad 'its tandem-vm: has ended' vm "kernel='/nowhere'"
	TANDEM_VM=$work/vm bad '--memory\|384\|--maxmem\|384\|--vcpus\|2\|--kernel\|/k\|--cmdline\|root=/dev/xvda quiet\|--paused\|--control\|[0-9]+\|$' \
		vm "kernel='/k'" memory=384 vcpus=2 "root='/dev/xvda'" "extra='quiet'"
	is "sockets left" "" "$(ls "$TANDEM_DIR/vm")"
	matches "the log has it" 'nowhere: No such file' "$(tandem dmesg)"
}

verbs() {
	local v
	ok tandem create p
	for v in pause unpause shutdown reboot "dump-core" "sysrq"; do
		case $v in
		dump-core | sysrq) bad 'p is no VM' tandem $v p s ;;
		*) bad 'p is no VM' tandem $v p ;;
		esac
	done
	bad 'p has no console' tandem console p
	is "no core" "" "$(ls s 2>/dev/null)"
	for v in console pause unpause shutdown reboot dmesg vcpu-list; do
		bad "no domain 'nope'" tandem $v nope
	done
	bad 'one domain, or --all' tandem shutdown
	bad 'one domain, or --all' tandem reboot --all p
	ok tandem shutdown --all
	is "no VM has vcpus" '[]' "$(tandem vcpu-list --json)"
	bad "'ss' is no letter" tandem sysrq p ss
	bad 'not supported: trigger nmi' tandem trigger p nmi
	bad "trigger 'frob' is unknown" tandem trigger p frob
	is "list --json" 'p 0 0 ------ 0' "$(json \
		'.[] | select(.name == "p") | "\(.name) \(.memory) \(.vcpus) \(.state) \(.time)"' \
		tandem list --json)"
	ok tandem destroy p
}

for verb in "console g" "pause g" "unpause g" "shutdown g" "reboot g" "sysrq g s" \
	"dump-core g f" "vcpu-list" "dmesg"; do
	# shellcheck disable=SC2086
	bad 'no hypervisor answers there' tandem $verb
done
hvd_start
ok tandem create first # the first makes /local/domain
ok tandem destroy first
bad_keys
bad_starts
verbs
finish
