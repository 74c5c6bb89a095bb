#!/bin/bash
# SPDX-License-Identifier: MIT
# The keys of a PC (type="hvm"), good and bad, and what tandem-vm is told of them; without
# a VM: nothing here needs a /dev/kvm.
# shellcheck source=tests/lib/common.sh
. "$(dirname "$0")/../lib/common.sh"

# A tandem-vm that only says what it was given.
cat >"$work/vm" <<-'EOF'
	#!/bin/sh
	for a; do printf '[%s]' "$a"; done >&2
	printf '{%s}' "$TANDEM_VNC_PASSWORD" >&2
	exit 2
EOF
chmod +x "$work/vm"
export TANDEM_VM=$work/vm

pc() { tandem create --wait 0.1 g "type='hvm'" "$@"; }
# tells PATTERN KEY=VALUE...: tandem-vm's command line has that
tells() {
	local pattern=$1
	shift
	bad "$pattern" pc "$@"
}
# without TEXT KEY=VALUE...: nor has it that
without() {
	local text=$1 said
	shift
	said=$(pc "$@" 2>&1)
	checks=$((checks + 1))
	case $said in
	*"$text"*) fail "$*: $text in $said" ;;
	*'[--firmware]'*) ;;
	*) fail "$*: $said" ;;
	esac
}
# warns PATTERN KEY=VALUE...
warns() {
	local pattern=$1
	shift
	matches "$* warns" "$pattern" "$(pc "$@" 2>&1)"
	without 'is not there' "$@"
}

good_keys() {
	local key value pattern
	tells '^tandem: create: \[--name\]\[g\]\[--memory\]\[256\]\[--maxmem\]\[256\]\[--vcpus\]\[1\]\[--firmware\]\[/usr/share/seabios/bios-256k.bin\]\[--rom\]\[vgaroms/vgabios-stdvga.bin=/usr/share/seabios/vgabios-stdvga.bin\]\[--vnc\]\[127.0.0.1:5900\+\]\[--time-offset\]\[0\]\[--uuid\]\[[0-9a-f-]{36}\]\[--paused\]\[--control\]\[[0-9]+\]\{\}$'
	while IFS='|' read -r key value pattern; do
		tells "$pattern" "$key=$value"
	done <<-'EOF'
		memory|512|\[--memory\]\[512\]\[--maxmem\]\[512\]
		vcpus|2|\[--vcpus\]\[2\]
		maxvcpus|2|\[--vcpus\]\[2\]
		boot|"dc"|\[--boot\]\[dc\]
		firmware_override|"/fw"|\[--firmware\]\[/fw\]
		serial|"pty"|\[--serial\]
		xen_platform_pci|1|\[--xen-platform\]
		acpi|0|\[--no-acpi\]
		apic|0|\[--no-apic\]
		vga|"none"|\[--no-vga\]
		vncdisplay|3|\[127.0.0.1:5903\+\]
		vncunused|0|\[127.0.0.1:5900\]
		vnclisten|"127.0.0.2"|\[127.0.0.2:5900\+\]
		vnclisten|"127.0.0.2:7"|\[127.0.0.2:5907\+\]
		vnclisten|"::1"|\[\[::1\]:5900\+\]
		vnclisten|"[::1]:2"|\[\[::1\]:5902\+\]
		vnclisten|"unix:/s"|\[--vnc\]\[unix:/s\]
		vncpasswd|"secret"|\{secret\}
		rtc_timeoffset|"-3600"|\[--time-offset\]\[-3600\]
		rtc_timeoffset|60|\[--time-offset\]\[60\]
		uuid|"01234567-89ab-cdef-0123-456789abcdef"|\[--uuid\]\[01234567-89ab-cdef-0123-456789abcdef\]
		hugepages|1|\[--hugepages\]
		disk|['/i,,hda','/c,,hdc:cdrom,r']|\[--disk\]\[/i,,hda\]\[--disk\]\[/c,,hdc:cdrom,r\]
		disk|[',,hdc:cdrom,r']|\[--disk\]\[,,hdc:cdrom,r\]
		disk|['/i,,xvdb','devtype=cdrom,vdev=fda']|\[/i,,xvdb\]\[--disk\]\[devtype=cdrom,vdev=fda\]
		vif|['mac=00:16:3e:01:02:03,model=e1000,type=ioemu']|\[--vif\]\[mac=00:16:3e:01:02:03,model=e1000,type=ioemu\]
		vif|['','bridge=b']|\[--vif\]\[mac=00:16:3e:..:..:..\]\[--vif\]\[mac=00:16:3e:..:..:..,bridge=b\]
	EOF
	TZ=UTC-2 tells '\[--time-offset\]\[7200\]' localtime=1
	TZ=UTC-2 tells '\[--time-offset\]\[7260\]' localtime=1 rtc_timeoffset=60
	TZ=UTC-2 tells '\[--time-offset\]\[0\]' localtime=0
	TANDEM_VNC_PASSWORD=x tells '\{\}$'
	without --rom "vga='none'"
	without --vnc "vga='none'"
	without --vnc vnc=0
	without --no-acpi acpi=1 apic=1 vnc=1 vncunused=1
	for key in hpet=0 sdl=0 spice=0 usb=0 nestedhvm=0 viridian=0 acpi_s3=0 pae=1 nx=1 hap=1 \
		'bios="seabios"' 'device_model_version="qemu-xen"' videoram=16 "serial='none'" \
		"vga='stdvga'" xen_platform_pci=0; do
		without '[--xen-platform]' "$key"
	done
	# the network's ROMs, for the cards that are there
	tells '\[--rom\]\[pci10ec,8139.rom=/usr/lib/ipxe/qemu/pxe-rtl8139.rom\]' "boot='n'" "vif=['']"
	tells '\[--rom\]\[pci1022,2000.rom=/usr/lib/ipxe/qemu/pxe-pcnet.rom\]' "boot='cn'" "vif=['model=pcnet']"
	tells '\[--rom\]\[pci8086,100e.rom=/usr/lib/ipxe/qemu/pxe-e1000.rom\]' "boot='n'" "vif=['model=e1000']"
	without pxe-rtl8139 "boot='n'" "vif=['model=e1000']"
	without pxe- "boot='n'"
	without pxe- "boot='cda'" "vif=['']"
}

bad_keys() {
	local key value pattern
	while IFS='|' read -r key value pattern; do
		bad "$pattern" pc "$key=$value"
	done <<-'EOF'
		kernel|'/k'|not supported: kernel, ramdisk, .*type="pvh" would be right
		extra|'x'|not supported: kernel
		maxmem|512|not supported: maxmem other than memory
		maxvcpus|0|maxvcpus '0' is no number
		exec|'true'|exec
		memory|0|memory '0' is no number
		boot|'x'|boot 'x': letters
		boot|'cc'|boot 'cc': letters
		boot|''|boot ''
		vga|'cirrus'|not supported: vga="cirrus": "stdvga" or "none"
		serial|'/dev/ttyS0'|not supported: serial="/dev/ttyS0"
		serial|['pty']|serial is a list
		vnc|2|vnc '2' is neither 0 nor 1
		acpi|'yes'|acpi 'yes' is neither
		vncdisplay|"-1"|vncdisplay '-1' is no number
		vncdisplay|59636|is no number from 0 to 59635
		vnclisten|'127.0.0.1:x'|vnclisten '127.0.0.1:x'
		rtc_timeoffset|'x'|rtc_timeoffset 'x' is no number
		rtc_timeoffset|86401|rtc_timeoffset '86401'
		hpet|1|not supported: hpet=1
		usb|1|not supported: usb=1; the PC has no USB
		usbdevice|'tablet'|not supported: usbdevice=tablet; the PC has a PS/2 mouse
		usbdevice|['tablet']|not supported: usbdevice; the PC
		soundhw|'sb16'|not supported: soundhw
		sdl|1|not supported: sdl=1; vnc=1
		spice|1|not supported: spice
		viridian|1|not supported: viridian=1
		viridian|['base']|not supported: viridian
		nestedhvm|1|not supported: nestedhvm
		bios|'ovmf'|not supported: bios=ovmf; firmware_override
		device_model_version|'qemu-xen-traditional'|not supported: device_model_version
		device_model_args|['-x']|not supported: device_model_args
		videoram|32|not supported: videoram=32; the PC has 16 MiB
		pci|['01:00.0']|not supported: pci
		acpi_s3|1|not supported: acpi_s3=1
		pae|0|not supported: pae=0
		cpuid|'x'|key 'cpuid' is not supported
		disk|['/i,,xvde']|xvde is no drive of a PC
		disk|['/i,,hda1']|hda1 is no drive of a PC
		disk|['/i,,sda']|sda is no drive of a PC
		disk|['/i,,hda','/j,,xvda']|xvda and '/i,,hda' are the same drive
		disk|['/i,empty,hda']|not supported: format=empty
		vif|['model=ne2k_pci']|not supported: model=ne2k_pci: rtl8139, pcnet or e1000
		vif|['rate=1Mb/s']|not supported: rate
		vif|['antispoof=1']|not supported: rate, antispoof
		vif|['vlan=3']|not supported: rate
		disk|['iops=5,vdev=hda,target=/i']|hda: not supported: iops
		vif|['type=vif']|type=vif is for paravirtual drivers
		vif|['','','','','']|4 network cards at most
	EOF
	bad 'boot is a PC.s: type="hvm"' tandem create g "type='pvh'" "kernel='/k'" "boot='c'"
	bad 'type="pvh" or "hvm" would be right' tandem create g "boot='c'"
	bad 'a CD-ROM drive without a disc' tandem create g "disk=[',,hdc:cdrom,r']"
	bad '/nowhere: No such file' env TANDEM_VM="$vm" "$TANDEM" create g "type='hvm'" \
		"firmware_override='/nowhere'"
}

# The same device twice: emulated, and for paravirtual drivers
paravirtual() {
	warns 'hda: backend= is not used' "disk=['backend=drv,vdev=hda,target=/i']"
	warns 'vif: backend= is not used' "vif=['backend=drv']"
	bad "no domain 'drv'" pc xen_platform_pci=1 "disk=['backend=drv,vdev=hda,target=/i']"
	bad "no domain 'drv'" pc xen_platform_pci=1 "vif=['backend=drv']"
	bad "no domain 'drv'" pc xen_platform_pci=1 "disk=['backend=drv,vdev=xvde,target=/i']"
	without 'xvde' xen_platform_pci=1 "vif=['']" "disk=['/i,,hda']"
	ok tandem create drv
	bad 'no backend answered' pc xen_platform_pci=1 "disk=['backend=drv,vdev=hda,target=/i']"
	bad 'no backend answered' pc xen_platform_pci=1 "vif=['backend=drv']"
	# a disc is no vbd
	tells '\[--disk\]\[backend=drv,devtype=cdrom,vdev=hdc,target=/i\]' xen_platform_pci=1 \
		"disk=['backend=drv,devtype=cdrom,vdev=hdc,target=/i']"
	ok tandem destroy drv
}

verbs() {
	local v
	ok tandem create p
	for v in "screenshot p $work/f" "screen-text p" "send-key p a" "vncviewer p" \
		"cdrom-eject p hdc" "cd-insert p hdc /dev/null"; do
		# shellcheck disable=SC2086
		bad 'p is no VM' tandem $v
		# shellcheck disable=SC2086
		bad "no domain 'q'" tandem ${v/ p/ q}
	done
	is "no file" "" "$(ls "$work/f" 2>/dev/null)"
	bad 'want a KEY, or --text' tandem send-key p
	for v in frob ctrl- -x ctrl--x aa $'\x01' f13; do
		bad 'is no key' tandem send-key p -- "$v"
	done
	bad 'has not all' tandem send-key p --text $'a\xc3\xa4'
	bad '8 keys at most' tandem send-key p a-b-c-d-e-f-g-h-i
	bad "'xx' is no virtual device" tandem cdrom-eject p xx
	bad '/nowhere: No such file' tandem cdrom-insert p hdc /nowhere
	ok tandem destroy p
}

vm=$(dirname "$TANDEM")/tandem-vm
hvd_start
ok tandem create first # the first makes /local/domain
ok tandem destroy first
good_keys
bad_keys
paravirtual
verbs
is "sockets left" "" "$(ls "$TANDEM_DIR/vm")"
finish
