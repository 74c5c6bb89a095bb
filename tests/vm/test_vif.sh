#!/bin/bash
# SPDX-License-Identifier: MIT
# A virtual machine's eth0, by Linux's own xen-netfront, on tandem-netback's switch: it
# reaches a guest that is a process, and 1 MiB arrives whole. timeout: 200 s
. "$(dirname "$0")/guest.sh"
[ "$(id -u)" = 0 ] || {
	echo "makes a tap in a namespace of its own: root only"
	exit 77
}
[ "${IN_NETNS-}" = 1 ] || IN_NETNS=1 exec unshare -n "$0"

hvd_start
ln -s "$VM_LOGS" "$TANDEM_DIR/log"
ok tandem create drv0
ok tandem create peer
netback_start drv0 --workers 1 --switch sw0
wait_for 20 tandem network-attach peer "bridge=sw0,backend=drv0" || fail "no netback"
ip link set lo up
ok "$TANDEM_NETFRONT" --domain peer --tap tnd0 --daemonize
ip addr add 10.0.0.2/24 dev tnd0
ip link set tnd0 up

guest_archive 6.12 "$work/guest.cpio" <<-'EOF'
	#!/bin/sh
	i=0
	until ip link show eth0 >/dev/null 2>&1 || [ $i = 300 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	ip addr add 10.0.0.1/24 dev eth0
	ip link set eth0 up
	i=0
	until ping -c 1 -W 2 10.0.0.2 >/dev/null 2>&1 || [ $i = 30 ]; do i=$((i + 1)); done
	ping -c 3 -W 5 10.0.0.2 || exit 3
	yes tandem | head -c 1048576 | nc -l -p 5000
EOF
cat >"$work/guest.cfg" <<-EOF
	name = "guest"
	type = "pvh"
	kernel = "$VM_IMAGES/vmlinux-6.12"
	ramdisk = "$work/guest.cpio"
	extra = "console=hvc0 panic=-1 nokaslr mitigations=off quiet"
	vif = [ "bridge=sw0,backend=drv0" ]
EOF
ok tandem create "$work/guest.cfg"

# fetch FILE: what the guest sends, once it listens
fetch() { timeout 30 bash -c 'cat </dev/tcp/10.0.0.1/5000' >"$1"; }
end=$((SECONDS + 120))
until fetch "$work/got" 2>/dev/null && [ -s "$work/got" ]; do
	[ $SECONDS -lt $end ] || break
	sleep 1
done
is "what came" "$(yes tandem | head -c 1048576 | sha256sum)" "$(sha256sum <"$work/got")"
guest_up guest "$VM_LOGS/guest.log" 6.12
guest_said "$VM_LOGS/guest.log" '3 packets received' || fail "ping: no answers"
finish
