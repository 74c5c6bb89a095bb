#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian i386 on an IDE disk of the emulated PC: SeaBIOS and GRUB load it from there; it
# copies and checks files on a second disk, and takes and gives data over each model of
# network card. images: pc, timeout: 600 s
. "$(dirname "${BASH_SOURCE[0]}")/pc.sh"
own_netns
: "${DISK_MIB:=16} ${NET_MIB:=4} ${RATES:=64/10}" "${PC_SECONDS:=300}"
pc_start
pc_taps 3
cp --sparse=always "$images/pc-disk.img" "$work/disk"
truncate -s $((DISK_MIB * 2 + 64))M "$work/data"
{ echo "mib=$DISK_MIB bytes=$((NET_MIB << 20)) rates='$RATES'" && cat <<-'EOF'; } | pc_script "$work/script"
	debian() { [ "$(readlink /bin/sh)" = dash ] && /usr/bin/env true && [ -e /etc ]; }
	try "Debian's programs" debian
	for n in 1 2 3; do
		try "net $n" net_serve $n $bytes
	done
	try "$mib MiB" disk_copy "$(ide 0 1)" "$mib"
	for r in $rates; do
		try "RTC ${r%/*} Hz" rtc_rate "${r%/*}" "${r#*/}" 10
	done
	cat /proc/interrupts
EOF
head -c "${NET_MIB}M" /dev/urandom >"$work/bytes"

pc_create disk 'boot = "c"' "disk = [ $(pc_disk hda "$work/disk"), $(pc_disk hdb "$work/data"),
	$(pc_disk hdd "$work/script") ]" "vif = [ $(pc_vif 1 rtl8139), $(pc_vif 2 pcnet), $(pc_vif 3 e1000) ]"
pc_screen_wait disk 'GNU GRUB|Linux version|Booting' 90
pc_shot disk .grub
pc_transfers 3 "$work/bytes" disk $((NET_MIB << 20))
pc_ran disk "$PC_SECONDS"
for driver in 8139cp pcnet32 e1000; do
	pc_console_wait disk "^TRY net .*$driver" 5
done
pc_ended disk 60
finish
