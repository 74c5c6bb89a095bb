#!/bin/bash
# SPDX-License-Identifier: MIT
# A PC by the verbs of tandem, with SeaBIOS on this machine's KVM: its screen as text, as a
# picture and over VNC, its keyboard, its media, its button, its end.
# shellcheck source=tests/guest/life-lib.sh
GUEST=none . "$(dirname "$0")/life-lib.sh"
needs python3
if ! [ -r /usr/share/seabios/bios-256k.bin ]; then
	echo "no SeaBIOS here"
	exit 77
fi
unset TANDEM_VNC_PASSWORD
# its boot menu waits 10 s for a key, not 2.5, which a busy machine may miss
printf '\x10\x27' >"$work/wait"
sed -i "s|--call-port|--rom etc/boot-menu-wait=$work/wait|" "$work/vm"

truncate -s 1M "$work/disc.iso"
truncate -s 1440K "$work/floppy.img"
truncate -s 10M "$work/hd.img"
cat >"$work/g.cfg" <<-END
	name = "g"
	type = "hvm"
	memory = 64
	vnclisten = "127.0.0.1:20"
	disk = [ ',,hdc:cdrom,r', 'devtype=cdrom,vdev=fda', '$work/hd.img,raw,hda,rw' ]
	serial = "pty"
	uuid = "01234567-89AB-cdef-0123-456789abcdef"
END
text() { tandem screen-text g; }
shows() { text | grep -q "$1"; }
# comes WHAT TEXT: on its screen
comes() {
	checks=$((checks + 1))
	wait_for 40 shows "$2" || fail "$1: its screen: $(text)"
}
pc_is() { jq -er "$1" "$TANDEM_DIR/vm/$(tandem domid g).json"; }
new_id() { [ "$(tandem domid g)" != "$1" ]; }
# reboots: a new domain, as its keeper makes it
reboots() {
	local id
	id=$(tandem domid g)
	ok tandem send-key g ctrl-alt-delete
	checks=$((checks + 1))
	wait_for 20 new_id "$id" || fail "ctrl-alt-delete: it is still there"
	wait_for 20 text
}
# menu WHAT: of SeaBIOS
menu() {
	reboots
	comes "$1" 'Press ESC'
	ok tandem send-key g esc
	comes "$1: the boot menu" 'Select boot device'
}
# A picture that is not black, of that size.
cat >"$work/look.py" <<'END'
import struct, sys, zlib
data = open(sys.argv[1], 'rb').read()
assert data[:8] == b'\x89PNG\r\n\x1a\n', data[:8]
at, bits = 8, b''
while at < len(data):
    size, kind = struct.unpack('>I4s', data[at:at + 8])
    if kind == b'IHDR':
        print('%ux%u' % struct.unpack('>II', data[at + 8:at + 16]))
    if kind == b'IDAT':
        bits += data[at + 8:at + 8 + size]
    at += 12 + size
print('lit' if any(zlib.decompress(bits)) else 'black')
END
cat >"$work/rfb.py" <<'END'
import socket, sys
host, port = sys.argv[1].rsplit(':', 1)
with socket.create_connection((host, int(port)), 10) as s:
    print(s.recv(12).decode().strip())
END

screen() {
	comes "SeaBIOS" 'SeaBIOS (version'
	comes "its uuid" '01234567-89ab-cdef-0123-456789abcdef'
	ok tandem screenshot g "$work/a.png"
	is "a picture" "720x400 lit" "$(python3 "$work/look.py" "$work/a.png" | tr '\n' ' ' | sed 's/ $//')"
	tandem screenshot g - >"$work/b.png" || fail "to standard output"
	is "the same" "720x400" "$(python3 "$work/look.py" "$work/b.png" | sed -n 1p)"
	bad '/nowhere/x: No such' tandem screenshot g /nowhere/x
	is "a viewer's address" "127.0.0.1:$(key console/vnc-port)" "$(tandem vncviewer g)"
	is "listens" 127.0.0.1 "$(key console/vnc-listen)"
	matches "as asked" '^59[2-9]' "$(key console/vnc-port)"
	is "RFB" "RFB 003.008" "$(python3 "$work/rfb.py" "$(tandem vncviewer g)")"
	matches "its serial port" 'x' "x$(log)"
}

keys() {
	menu "rebooted"
	comes "its drives" 'DVD/CD .ata1-0'
	comes "and its disk" 'ata0-0'
	ok tandem send-key g --text 'q#' shift-a f1
	comes "the menu stays" 'Select boot device'
}

media() {
	bad 'hda is a hard disk' tandem cdrom-eject g hda
	bad 'g has no drive hdb' tandem cdrom-insert g hdb "$work/disc.iso"
	bad 'g has no drive xvde' tandem cdrom-eject g xvde
	ok tandem cdrom-insert g hdc "$work/disc.iso"
	is "noted" "devtype=cdrom,format=raw,access=ro,vdev=hdc,target=$work/disc.iso" \
		"$(pc_is '.pc.disks[0]')"
	ok tandem cdrom-insert g xvdc "$work/disc.iso" # another one, the drive's other name
	ok tandem cd-insert g fda "$work/floppy.img"
	is "noted" "format=raw,access=ro,vdev=fda,target=$work/floppy.img" "$(pc_is '.pc.disks[1]')"
	is "nothing else is" "$work/hd.img,raw,hda,rw" "$(pc_is '.pc.disks[2]')"
	reboots
	is "noted after a reboot" "format=raw,access=ro,vdev=fda,target=$work/floppy.img" \
		"$(pc_is '.pc.disks[1]')"
	comes "a floppy without a system" 'Booting from'
	bad 'No such file' tandem cdrom-insert g hdc "$work/none.iso"
	ok tandem cd-eject g fda
	ok tandem cdrom-eject g hdc
	is "empty" "devtype=cdrom,vdev=hdc devtype=cdrom,vdev=fda" "$(pc_is '.pc.disks[:2] | join(" ")')"
	ok tandem cdrom-eject --force g hdc # which is empty
}

saves() {
	local at
	at=$(tandem vncviewer g)
	ok tandem cdrom-insert g hdc "$work/disc.iso"
	ok tandem save g "$work/saved"
	ends "saved"
	ok tandem restore "$work/saved"
	is "the disc is noted" "devtype=cdrom,format=raw,access=ro,vdev=hdc,target=$work/disc.iso" \
		"$(pc_is '.pc.disks[0]')"
	comes "its screen" SeaBIOS
	is "where viewers come" "$at" "$(tandem vncviewer g)"
	menu "restored and rebooted"
	ok tandem cdrom-eject g hdc
}

life() {
	is "list" 'hvm 64 1' "$(json '.[] | select(.name == "g") | "\(.type) \(.memory) \(.vcpus)"' tandem list --json)"
	is "vcpu-list" '0' "$(json '.[0].vcpu' tandem vcpu-list g --json)"
	ok tandem pause g
	becomes "paused" --p---
	ok tandem dump-core g "$work/core"
	is "a core" ELF "$(head -c 4 "$work/core" | tail -c 3)"
	ok tandem unpause g
	bad 'no paravirtual drivers.*-F' tandem shutdown g
	bad 'no paravirtual drivers.*ctrl-alt-delete' tandem reboot -F g
	ok tandem shutdown -F g
	ok tandem trigger g power
	bad 'not supported: trigger nmi' tandem trigger g nmi
	ok tandem destroy g
	ends "destroyed"
	nothing_left
}

bare() {
	create "vga='none'" 'acpi=0' "serial='none'"
	bad 'g has no screen' tandem screenshot g "$work/c.png"
	is "no file" "" "$(ls "$work/c.png" 2>/dev/null)"
	bad 'g has no screen' tandem screen-text g
	bad 'to no viewer' tandem vncviewer g
	bad 'has no power button' tandem trigger g power
	ok tandem send-key g a
	ok tandem destroy g
	create "vnclisten='unix:$work/vnc'"
	is "a unix socket" "unix:$work/vnc" "$(tandem vncviewer g)"
	ok tandem destroy g
	bad 'everybody could see' tandem create "$work/g.cfg" "vnclisten='0.0.0.0'"
	bad 'hd.img' tandem create "$work/g.cfg" "disk=['$work/no/hd.img,raw,hda']"
	nothing_left
}

hvd_start
create
screen
keys
media
saves
life
bare
finish
