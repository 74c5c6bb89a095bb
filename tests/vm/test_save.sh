#!/bin/bash
# SPDX-License-Identifier: MIT
# A virtual machine in the middle of a verified fio run and of a TCP transfer is put into a
# file and comes back, with its console, and boots again; a checkpoint lets it go on;
# damaged files leave nothing behind. timeout: 1500 s
if [ "$(id -u)" != 0 ]; then
	echo "no network: makes a tap in a namespace of its own: root only"
elif [ "${IN_NETNS-}" != 1 ]; then
	IN_NETNS=1 exec unshare -n "$0"
fi
. "$(dirname "$0")/guest.sh"

hvd_start
ln -s "$VM_LOGS" "$TANDEM_DIR/log"
ok tandem create drv0
blkback_start drv0 --allow "$work" --allow "$VM_IMAGES" --workers 1
[ "${IN_NETNS-}" != 1 ] || vm_peer peer tnd0 10.0.0.2

# fio takes some time, in which its machine is saved; so does what is sent
cat >"$work/script" <<'EOF2'
#!/bin/sh
if [ "$(dd if=/dev/xvdb bs=4k skip=7000 count=1 iflag=direct 2>/dev/null | head -c 5)" = AGAIN ]; then
	echo SECOND-BOOT
	exit 0
fi
i=0
until ip link show eth0 >/dev/null 2>&1 || [ $i = 50 ]; do
	sleep 0.1
	i=$((i + 1))
done
if ip addr add 10.0.0.1/24 dev eth0 && ip link set eth0 up; then
	i=0
	while [ $i -lt 4000 ]; do
		i=$((i + 1))
		echo "line $i of what a guest sends, whose other end must have it all"
		[ $((i % 100)) != 0 ] || sleep 1.5
	done | nc -l -p 5000 &
fi
while sleep 3; do
	# as udev would: a vcpu that has come back is not used before somebody says so
	{ echo 1 >/sys/devices/system/cpu/cpu1/online; } 2>/dev/null
	read -r now </sys/devices/system/cpu/online
	[ "$now" = "$before" ] || echo "ONLINE $now"
	before=$now
done &
watcher=$!
echo "FIO-BEGINS DATE=$(date +%s)"
fio --name=mix --filename=/dev/xvdb --size=24m --rw=randrw --bsrange=4k-64k --rate=400k,400k \
	--iodepth=8 --ioengine=libaio --direct=1 --verify=crc32c --verify_fatal=1 || exit 4
echo "DATE=$(date +%s)"
kill $watcher
wait
printf AGAIN | dd of=/dev/xvdb bs=4k seek=7000 conv=sync oflag=direct 2>/dev/null
sync
reboot -f
EOF2

# start NAME KERNEL VCPUS [LINE]: with a root and a data disk
start() {
	guest_root "$work/root-$1"
	truncate -s 32M "$work/data-$1"
	guest_archive "$2" "$work/$1.cpio" <"$work/script"
	cat >"$work/$1.cfg" <<-EOF
		name = "$1"
		type = "pvh"
		kernel = "$VM_IMAGES/vmlinux-$2"
		ramdisk = "$work/$1.cpio"
		root = "/dev/xvda"
		extra = "console=hvc0 panic=-1 nokaslr mitigations=off quiet"
		memory = 384
		vcpus = $3
		disk = [ "backend=drv0,vdev=xvda,target=$work/root-$1",
		         "backend=drv0,vdev=xvdb,target=$work/data-$1" ]
		${4-}
	EOF
	ok tandem create "$work/$1.cfg"
}

log() { echo "$TANDEM_DIR/log/$1.console"; }
# by how much its clock, which it has just told, is behind the log's
guest_late() {
	echo $(($(stat -c %Y "$TANDEM_DIR/log/$g".* | sort -n | tail -n 1) - $(sed -n 's/.*DATE=\([0-9]*\).*/\1/p' "$(log "$g")" | tail -n 1)))
}
said() { guest_said "$(log "$1")" "$2"; }
absent() { ! tandem list | grep -qE "^$1 "; }

# live SECONDS NAME COMMAND...: as wait_for, but not for one that has crashed
live() { wait_for "$1" unless_gone "${@:2}" && "${@:3}"; }
unless_gone() { absent "$1" || "${@:2}"; }
# done_well NAME: fio has verified everything; then it has booted again, and powered off
done_well() {
	live 150 "$1" said "$1" '^DATE=' || fail "$1: fio has not ended"
	late=$(guest_late)
	# between its two lives there is no such domain for a moment
	wait_for 60 said "$1" SECOND-BOOT || fail "$1 has not booted again"
	wait_for 60 absent "$1" || fail "$1 has not ended"
	is "$1: status of its script" 0 "$(guest_status "$(log "$1")")"
	matches "$1: fio's errors" "err= 0" "$(grep -a -o 'err= *[0-9]*' "$(log "$1")")"
}

# its memory, in MiB
memory() { tandem list --json | jq -r ".[] | select(.name == \"$1\") | .memory"; }
# has NAME MIB: or one more or less, of its firmware's
has() {
	local mib
	mib=$(memory "$1")
	[ $((mib - $2)) -ge -1 ] && [ $((mib - $2)) -le 1 ]
}
# online NAME: the vcpus that it uses, as it said last; offline ones only it knows of
online() { grep -ao 'ONLINE [0-9-]*' "$(log "$1")" | tail -n 1 | cut -d' ' -f2; }
online_is() { [ "$(online "$1")" = "$2" ]; }
# fetch NAME: what it sends, as it comes; one connection
fetch() {
	wait_for 30 ping -c 1 -W 5 10.0.0.1 || fail "$1: it does not answer"
	cat </dev/tcp/10.0.0.1/5000 >"$work/got-$1" &
	fetcher=$!
}
# fetched NAME BYTES: it is whole, and so many had come before it was saved
fetched() {
	wait "$fetcher"
	echo "$1: $2 bytes had come when it was saved"
	{ [ "$2" -gt 0 ] && [ "$2" -lt 200000 ]; } || fail "$1: it was not in the middle"
	is "$1: what came" \
		"$(for i in {1..4000}; do echo "line $i of what a guest sends, whose other end must have it all"; done | sha256sum)" \
		"$(sha256sum <"$work/got-$1")"
}

for pair in "6.12 2" "6.1 1"; do
	read -r k vcpus <<<"$pair"
	g=g${k/./}
	vif=
	[ "${IN_NETNS-}" != 1 ] || vif='vif = [ "bridge=sw0,backend=drv0" ]'
	start "$g" "$k" "$vcpus" "$vif"
	ok tandem mem-set "$g" 352m
	live 100 "$g" said "$g" FIO-BEGINS || fail "$g: fio does not begin"
	began=$(guest_late)
	[ -z "$vif" ] || fetch "$g"
	sleep 3
	ok tandem save -c "$g" "$work/check-$g"
	cat "$work/out"
	ok tandem vcpu-set "$g" 1
	live 20 "$g" online_is "$g" 0 || fail "$g: its vcpus are $(online "$g")"
	has "$g" 352 || fail "$g: it has $(memory "$g")"
	said "$g" '^DATE=' && fail "$g has ended before it was saved"
	ok tandem save "$g" "$work/$g.zst"
	cat "$work/out"
	absent "$g" || fail "$g is there after it was saved"
	zstd -tq "$work/$g.zst" || fail "$g.zst is no file for zstd"
	before=$(wc -c <"$(log "$g")")
	got=$([ -z "$vif" ] || stat -c %s "$work/got-$g")
	sleep 30
	ok tandem restore "$work/$g.zst"
	# somebody types, and its terminal echoes
	(printf 'is anybody there\n' && sleep 10 && printf '\x1d') |
		timeout 60 "$TANDEM" console "$g" >"$work/typed"
	matches "$g: its console" 'is anybody there' "$(cat "$work/typed")"
	matches "$g: list" '^(r-|-b)----$' "$(tandem list --json | jq -r ".[] | select(.name == \"$g\") | .state")"
	has "$g" 352 || fail "$g: restored, it has $(memory "$g")"
	is "$g: its vcpus" 0 "$(online "$g")"
	ok tandem mem-set "$g" 384m
	ok tandem vcpu-set "$g" "$vcpus"
	live 20 "$g" has "$g" 384 || fail "$g: it got $(memory "$g")"
	[ "$vcpus" = 1 ] || live 20 "$g" online_is "$g" 0-1 || fail "$g: its vcpus are $(online "$g")"
	done_well "$g"
	[ -z "$vif" ] || fetched "$g" "$got"
	[ "$(wc -c <"$(log "$g")")" -gt "$before" ] || fail "$g said nothing since"
	# an emulated machine's clocks drift apart; but it has not slept through 30 s
	echo "$g: its clock was late by $began s when it began, by $late s at its end"
	[ $((late - began)) -lt 25 ] || fail "$g: its clock stood while it was in the file"
done

# files that are not whole
size=$(stat -c %s "$work/g612.zst")
damaged() { bad "$1" tandem restore "$2"; }
head -c $((size / 2)) "$work/g612.zst" >"$work/cut"
damaged 'cut short' "$work/cut"
head -c $((size - 1)) "$work/g612.zst" >"$work/cut"
damaged 'cut short' "$work/cut"
head -c 20 "$work/g612.zst" >"$work/cut"
damaged 'cut short' "$work/cut"
for at in 9 70 $((size / 3)) $((size - 40)); do
	cp "$work/g612.zst" "$work/flipped"
	byte=$(od -An -tu1 -j "$at" -N 1 "$work/flipped")
	printf %b "\\x$(printf %02x $((byte ^ 165)))" |
		dd of="$work/flipped" bs=1 seek="$at" conv=notrunc status=none
	damaged 'is damaged|no saved machine' "$work/flipped"
done
damaged 'no saved machine' /etc/passwd
damaged 'no regular file' /dev/null
damaged 'No such file' "$work/nowhere"
bad 'no virtual machine' tandem save drv0 "$work/never"
bad 'there is no domain' tandem save g612 "$work/never"
is "files left" 0 "$(find "$work" -name 'never*' | wc -l)"
is "domains left" 0 "$(tandem list | tail -n +2 | grep -cvE '^(Domain-0|drv0|peer) ')"
finish
