#!/bin/bash
# SPDX-License-Identifier: MIT
# An i386 Linux that knows nothing of Xen on the emulated PC, from CD: with a PIC and a PIT
# alone, then with ACPI, IOAPIC and local APIC, the two classes of Windows XP's HALs. Disks,
# the RTC's periodic interrupts, the way down. images: pc, timeout: 500 s
. "$(dirname "$0")/pc.sh"
pc_start

sum=$(sha256sum <"$images/pc-686.cpio")
{ echo "sum='$sum'" && cat <<-'EOF'; } | pc_script "$work/script"
	cd_read() { mount -t iso9660 /dev/sr0 /mnt && [ "$(sha256sum </mnt/initrd)" = "$sum" ]; }
	no_hypervisor() { ! grep -qw hypervisor /proc/cpuinfo; }
	try 'no hypervisor' no_hypervisor
	try CD cd_read
	try disk disk_copy "$(ide 0 0)" 4
	try '64 Hz' rtc_rate 64 10 8
	cat /proc/interrupts
EOF

# boot NAME LABEL LINE...: by what is typed at the CD's prompt
boot() {
	local name=$1 label=$2
	shift 2
	truncate -s 24M "$work/$name.data"
	pc_create "$name" 'boot = "d"' "disk = [ $(pc_cd "$images/pc-686.iso"),
		$(pc_disk hda "$work/$name.data"), $(pc_disk hdb "$work/script") ]" "$@"
	pc_screen_wait "$name" '^boot:' 60
	pc_type "$name" "$label"
	pc_ran "$name" 200
}

boot pic pic 'acpi = 0' 'apic = 0'
guest_said "$(pc_console pic)" 'XT-PIC +timer' || fail "pic: another interrupt controller"
ok tandem destroy pic

boot acpi acpi
guest_said "$(pc_console acpi)" 'IO-APIC .*timer' || fail "acpi: no IO-APIC"
guest_said "$(pc_console acpi)" 'ACPI: .*SCI|acpi$' || fail "acpi: no SCI"
pc_ended acpi 30
finish
