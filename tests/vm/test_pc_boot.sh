#!/bin/bash
# SPDX-License-Identifier: MIT
# The emulated PC before any operating system: SeaBIOS's boot menu, by keys; GRUB's rescue
# floppy, and its CD, which the menu chooses; their shells see the drives, and VESA's modes.
# images: pc, timeout: 300 s
. "$(dirname "$0")/pc.sh"
pc_start

# a floppy as the drive has them, of which the package's image is the beginning
cp "$images/grub-floppy.img" "$work/floppy"
truncate -s 1440K "$work/floppy"
truncate -s 8M "$work/disk"

# shell_of NAME: from GRUB's menu into its shell
shell_of() {
	pc_screen_wait "$1" 'GNU GRUB' 90
	pc_key "$1" c
	pc_screen_wait "$1" '^grub>' 30
}

pc_create floppy 'boot = "a"' 'memory = 64' "disk = [
	'format=raw,vdev=fda,access=ro,target=$work/floppy', $(pc_disk hda "$work/disk") ]"
shell_of floppy
pc_type floppy ls
pc_screen_wait floppy '\(hd0\).*\(fd0\)|\(fd0\).*\(hd0\)' 30
pc_shot floppy
ok tandem destroy floppy

pc_create cd 'boot = "c"' 'memory = 64' "disk = [ $(pc_cd "$images/grub-rescue.iso"),
	$(pc_disk hda "$work/disk") ]"
pc_screen_wait cd 'Press ESC for boot menu' 40
pc_key cd esc
pc_screen_wait cd 'Select boot device' 30
pc_shot cd .menu
choice=$(pc_text cd | sed -n 's/^ *\([0-9]\)\. .*DVD.*/\1/p')
is "the CD in the boot menu" 1 "${#choice}"
pc_key cd "${choice:-2}"
shell_of cd
pc_type cd ls
pc_screen_wait cd '\(cd\)|\(hd31\)' 30
pc_type cd 'insmod vbe'
pc_type cd 'videoinfo'
pc_screen_wait cd '0x1[0-9a-f]* .*1024 *x *768' 60
pc_shot cd
ok tandem destroy cd
finish
