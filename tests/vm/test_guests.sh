#!/bin/bash
# SPDX-License-Identifier: MIT
# The microguests of tests/guest by vmcall or vmmcall, as guests call, and by KVM's own
# share of Xen. timeout: 120 s
. "$(dirname "$0")/guest.sh"

# guest NAME [LETTERS STATUS [OPTION...]]
guest() {
	local status=0
	timeout 60 "$TANDEM_VM" --memory 16 --kernel "$VM_BUILD/tests/guest/guest_$1" \
		--cmdline "v${2-}" "${@:4}" <<<"a line" >"$work/out" 2>"$work/err" || status=$?
	is "$1 ${2-}: status" "${3-0}" "$status"
	[ "$status" = "${3-0}" ] || cat "$work/err"
}

for g in version memory grant evtchn hostile; do
	guest $g
done
guest smp '' 0 --vcpus 2
guest console
is "the console" "$(printf 'what?\nA LINE\n')" "$(cat "$work/out")"
# by vectors of the local APIC and by the callback's
guest upcall l4
guest upcall c2
for e in 'r 17' 's 18' 'c 19' 't 19' 'a 0' 'b 0'; do
	# shellcheck disable=SC2086
	guest end $e
done

# those of a PC, by the hypercall page, an interrupt line and KVM's vector
for bits in 64 32; do
	ok "$(dirname "$0")/../guest/pc.sh" "$TANDEM_VM" "$VM_BUILD/tests/guest/guest_pc$bits"
done

# huge pages: a kernel gives them if its administrator says so, as we may where it is ours
policy=/sys/kernel/mm/transparent_hugepage/shmem_enabled
[ "$VM_NESTED" = 0 ] || echo advise >$policy
if grep -qE '\[(always|within_size|advise|force)\]' $policy; then
	{ sleep 5 && echo "a line"; } |
		"$TANDEM_VM" --hugepages --memory 64 --kernel "$VM_BUILD/tests/guest/guest_console" \
			--cmdline v >"$work/out" 2>"$work/err" &
	pid=$!
	huge() { grep -A25 tandem-ram "/proc/$pid/smaps" | grep -qE 'ShmemPmdMapped: *[1-9]'; }
	wait_for 3 huge || fail "no huge pages: $(cat "$work/err") $(grep -A25 tandem-ram "/proc/$pid/smaps")"
	wait $pid || fail "with huge pages: status $?"
else
	echo "no huge pages for shared memory here: $policy"
fi
finish
