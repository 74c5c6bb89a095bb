#!/bin/bash
# SPDX-License-Identifier: MIT
# Programs that look at the emulated PC's hardware, and one that is no operating system:
# syslinux' pcitest and hdt (PCI, SMBIOS, disks) and GRUB Invaders, a multiboot kernel that
# the keyboard steers. images: pc, timeout: 300 s
. "$(dirname "$0")/pc.sh"
pc_start
truncate -s 64M "$work/disk"

# tool NAME: at the CD's prompt
tool() {
	pc_create "$1" 'boot = "d"' 'memory = 64' "disk = [ $(pc_cd "$images/tools.iso"),
		$(pc_disk hda "$work/disk") ]"
	pc_screen_wait "$1" '^boot:' 60
	pc_type "$1" "$1"
}

tool pcitest
pc_console_wait pcitest 'PCI devices found' 60
pc_shot pcitest
for id in 8086:1237 8086:7000 8086:7010 8086:7113 1234:1111; do
	pc_console_wait pcitest "^$id" 30
done
ok tandem destroy pcitest

tool hdt
pc_screen_wait hdt 'Summary|summary' 90
pc_shot hdt .menu
pc_key hdt esc
pc_shot hdt
ok tandem destroy hdt

pc_create invaders 'boot = "d"' 'memory = 64' "disk = [ $(pc_cd "$images/grub.iso") ]"
pc_screen_wait invaders 'invaders' 60
pc_shot invaders .grub
pc_key invaders enter
sleep 5
pc_shot invaders .start
pc_key invaders space
sleep 2
pc_key invaders left left left space
sleep 2
pc_shot invaders
ok tandem destroy invaders
finish
