#!/bin/bash
# SPDX-License-Identifier: MIT
# A PC whose guest sees Xen: Debian's amd64 kernel boots from the emulated CD, has the
# emulated disk and card unplugged, and goes on with tandem-blkback's and tandem-netback's.
# images: pc, timeout: 700 s
. "$(dirname "$0")/guest.sh"

cd=$VM_IMAGES/pc-amd64.iso bios=$VM_IMAGES/bios-256k.bin
hvd_start
ln -s "$VM_LOGS" "$TANDEM_DIR/log"
ok tandem create drv0
blkback_start drv0 --allow "$work" --workers 1
vm_peer peer0 tap0 10.0.0.1

# what the guest does: it comes on xvda; hda, which is emulated, goes before that
script() {
	cat <<-'EOF'
		#!/bin/sh
		echo "TYPE=$(cat /sys/hypervisor/type) $(cat /sys/hypervisor/guest_type)"
		echo "CLOCK=$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
		echo "DISKS=$(cd /sys/block && echo [shx]*d*)"
		cat /proc/interrupts
		for d in /sys/class/net/e*; do
			echo "NIC=${d##*/} $(basename "$(readlink "$d/device/driver")")"
		done
		yes tandem | head -c 1048576 | dd of=/dev/xvdb bs=64k iflag=fullblock oflag=direct || exit 5
		ip addr add 10.0.0.2/24 dev eth0 && ip link set eth0 up
		ping -c 5 -i 0.3 10.0.0.1 || exit 6
		exit 7
	EOF
}
script >"$work/script"
truncate -s 32M "$work/script" "$work/data"

# stands for tandem-vm: the toolstack makes domains of type pvh
cat >"$work/vm" <<EOF
#!/bin/bash
args=()
while [ \$# -gt 0 ]; do
	case \$1 in
	--kernel) args+=(--firmware "\$2"); shift ;;
	--cmdline) shift ;;
	*) args+=("\$1") ;;
	esac
	shift
done
exec "$TANDEM_VM" "\${args[@]}" --verbose --stats --xen-platform --serial --no-vga --boot d \
	--disk "vdev=hdc,devtype=cdrom,target=$cd" --disk "vdev=hda,target=$work/emulated" \
	--vif "mac=00:16:3e:00:00:99,port=sink"
EOF
chmod 755 "$work/vm"
truncate -s 16M "$work/emulated"

# pc NAME VCPUS WORDS: boots one; WORDS behind its kernel's command line
pc() {
	local end=$((SECONDS + 300))
	console=$VM_LOGS/$1
	cat >"$work/g.cfg" <<-EOF
		name = "$1"
		type = "pvh"
		kernel = "$bios"
		memory = 512
		vcpus = $2
		disk = [ "backend=drv0,vdev=xvda,target=$work/script",
		         "backend=drv0,vdev=xvdb,target=$work/data" ]
		vif = [ "mac=00:16:3e:00:00:02,bridge=sw0,backend=drv0" ]
	EOF
	truncate -s 0 "$work/data"
	truncate -s 32M "$work/data"
	TANDEM_VM="$work/vm" ok tandem create "$work/g.cfg"
	wait_for 100 grep -q boot: "$TANDEM_DIR/log/$1.console" || fail "$1: no prompt"
	printf 'acpi %s\r\035' "$3" | tandem console "$1" >/dev/null
	until grep -aq GUEST-RC= "$TANDEM_DIR/log/$1.console" || [ $SECONDS -ge $end ]; do
		sleep 1
	done
	ok tandem destroy "$1"
	cp "$TANDEM_DIR/log/$1.console" "$console"
	guest_up "$1" "$console"
	is "$1: status of its script" 7 "$(guest_status "$console")"
	guest_said "$console" 'TYPE=xen HVM' || fail "$1: no HVM guest of Xen's"
	guest_said "$console" 'DISKS=xvda xvdb$' || fail "$1: not those disks alone"
	guest_said "$console" 'NIC=eth0 vif$' || fail "$1: not that card alone"
	is "$1: what it wrote" "$(yes tandem | head -c 1048576 | sha256sum)" \
		"$(head -c 1048576 "$work/data" | sha256sum)"
}

pc vector 2 ''
guest_said "$console" 'callback vector for event delivery is enabled' || fail "vector: none"
finish
