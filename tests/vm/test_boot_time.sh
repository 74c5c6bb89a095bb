#!/bin/bash
# SPDX-License-Identifier: MIT
# How long tandem-vm takes from exec to a guest's userland, beside QEMU's microvm with the
# same KVM, kernel and initramfs; and how often the guest left for the kernel, and for the
# process, by the kernel's own count. timeout: 900 s
. "$(dirname "$0")/guest.sh"
needs qemu-system-x86_64 awk jq
RUNS=3
FACTOR=2 # slower than so many times QEMU is a failure

kernel=$VM_IMAGES/vmlinux-6.12
words="panic=-1 nokaslr mitigations=off quiet"
guest_archive 6.12 "$work/guest.cpio" <<-'EOF'
	#!/bin/sh
	read -r line
EOF

# counts exits to user space by process (tracefs), where this kernel can
events=/sys/kernel/tracing/events/kvm/kvm_userspace_exit
tracing=
if [ "$VM_NESTED" = 1 ]; then
	mount -t tracefs none /sys/kernel/tracing 2>/dev/null
	mount -t debugfs none /sys/kernel/debug 2>/dev/null
	! echo 'hist:keys=common_pid' >"$events/trigger" 2>/dev/null || tracing=1
fi
# user_exits THREAD...: of all of them
user_exits() {
	awk -v wanted=" $* " '/common_pid/ && index(wanted, " " $3 + 0 " ") { sum += $6 }
		END { print sum + 0 }' "$events/hist"
}

# boots NAME COMMAND...: $ms from exec to the guest's line, $exits, $left (of those to the
# process); "" where this kernel does not tell. The guest waits then, and is ended; $ended:
# as $left at its end.
boots() {
	local name=$1 start line threads
	shift
	ms='' exits='' left='' ended=''
	mkfifo "$work/in" "$work/out"
	exec 5<>"$work/in" 6<>"$work/out"
	start=${EPOCHREALTIME/./}
	background "$@" <"$work/in" >"$work/out" 2>"$VM_LOGS/messages-$name" 5>&- 6>&-
	while read -r -t 120 -u 6 line; do
		echo "$line" >>"$VM_LOGS/console-$name"
		[[ $line != *GUEST-UP* ]] || {
			ms=$(((${EPOCHREALTIME/./} - start) / 1000))
			break
		}
	done
	if [ -n "$tracing" ]; then
		threads=$(ls "/proc/$bg/task")
		# shellcheck disable=SC2086
		left=$(user_exits $threads)
		exits=$(cat /sys/kernel/debug/kvm/"$bg"-*/exits)
	fi
	end_pid "$bg"
	# shellcheck disable=SC2086
	[ -z "$tracing" ] || ended=$(user_exits $threads)
	exec 5>&- 6<&-
	rm -f "$work/in" "$work/out"
	echo "$name: ${ms:--} ms; exits: ${exits:--}, to the process: ${left:--}"
}

# up NAME COMMAND...: the same, and it must come up: in the emulated machine, which
# sometimes delivers an interrupt twice (STATUS.md), at the second time at the latest
up() {
	boots "$@"
	[ -n "$ms" ] || [ "$VM_NESTED" != 1 ] || boots "$@"
	checks=$((checks + 1))
	[ -n "$ms" ] || fail "$1: not up: $(tail -n 5 "$VM_LOGS/console-$1" "$VM_LOGS/messages-$1")"
}

ours=() theirs=()
for i in $(seq 0 $RUNS); do
	up tandem-vm "$TANDEM_VM" --stats --memory 256 --kernel "$kernel" \
		--ramdisk "$work/guest.cpio" --cmdline "console=hvc0 $words"
	[ -z "$ended" ] || is "exits by tandem-vm's counters, and by the kernel's" "$ended" \
		"$(jq '[.exits[]] | add' "$VM_LOGS/messages-tandem-vm")"
	[ "$i" = 0 ] || ours+=("${ms:-999999}") # the first fills caches
	up microvm qemu-system-x86_64 -accel kvm -cpu host \
		-M microvm,x-option-roms=off,pit=off,pic=off,rtc=off -m 256 -nodefaults \
		-no-user-config -display none -monitor none -no-reboot -serial stdio \
		-kernel "$kernel" -initrd "$work/guest.cpio" -append "console=ttyS0 $words"
	[ "$i" = 0 ] || theirs+=("${ms:-999999}")
done
median() { printf '%s\n' "$@" | sort -n | sed -n "$(((RUNS + 1) / 2))p"; }
a=$(median "${ours[@]}") b=$(median "${theirs[@]}")
echo "from exec to userland: tandem-vm $a ms (${ours[*]}), QEMU microvm $b ms (${theirs[*]})"
checks=$((checks + 1))
[ "$a" -le $((b * FACTOR)) ] || fail "tandem-vm takes more than $FACTOR times as long"
finish
