#!/bin/bash
# SPDX-License-Identifier: MIT
# iPXE's own drivers of each network card: from its CD it gets an address from dnsmasq, and a
# script and Debian's kernel by TFTP, which boots. images: pc, timeout: 1200 s
. "$(dirname "$0")/../pc.sh"
needs dnsmasq
own_netns
pc_start
pc_taps 1
mkdir "$work/tftp"
cat >"$work/tftp/boot.ipxe" <<-'EOF'
	#!ipxe
	echo script of ${net0/chip}
	kernel vmlinuz initrd=initrd console=tty0 console=ttyS0,115200 panic=-1 pc script
	initrd initrd
	boot
EOF
cp "$images/pc-686.cpio" "$work/tftp/initrd"
cp "$images/pc-686.vmlinuz" "$work/tftp/vmlinuz"
chmod -R a+rX "$work"
background dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --interface=tap1 \
	--bind-interfaces --dhcp-range=10.0.1.10,10.0.1.20 --dhcp-boot=boot.ipxe --enable-tftp \
	--tftp-root="$work/tftp" --tftp-no-fail --user=root --dhcp-leasefile="$work/leases" \
	--log-facility="$VM_LOGS/dnsmasq" --log-dhcp --pid-file="$work/dnsmasq.pid"
pc_script "$work/script" <<-'EOF'
	basename "$(readlink /sys/class/net/eth0/device/driver)"
EOF

for model in rtl8139 pcnet e1000; do
	pc_create $model 'boot = "d"' "disk = [ $(pc_cd "$images/ipxe.iso"),
		$(pc_disk hda "$work/script") ]" "vif = [ $(pc_vif 1 $model) ]"
	pc_screen_wait $model 'iPXE' 90
	pc_screen_wait $model 'script of|vmlinuz|Linux version' 120
	pc_shot $model .ipxe
	pc_ran $model 200
	pc_ended $model 60
done
finish
