#!/bin/bash
# SPDX-License-Identifier: MIT
# A virtual machine in the middle of a verified fio run is put into a file and comes back;
# a checkpoint lets it go on; damaged files leave nothing behind. timeout: 900 s
. "$(dirname "$0")/guest.sh"

hvd_start
ok tandem create drv0
blkback_start drv0 --allow "$work" --allow "$VM_IMAGES" --workers 1

# fio takes some time, in which its machine is saved
cat >"$work/script" <<'EOF2'
#!/bin/sh
echo "FIO-BEGINS DATE=$(date +%s)"
fio --name=mix --filename=/dev/xvdb --size=16m --rw=randrw --bsrange=4k-64k --rate=400k,400k \
	--iodepth=8 --ioengine=libaio --direct=1 --verify=crc32c --verify_fatal=1 || exit 4
echo "DATE=$(date +%s)"
EOF2

# start NAME KERNEL VCPUS: with a root and a data disk
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
	EOF
	ok tandem create "$work/$1.cfg"
}

# what it said: under its keeper, and since it was restored
log() {
	cat "$TANDEM_DIR/log/$1".* >"$work/said-$1"
	echo "$work/said-$1"
}
# by how much its clock, which it has just told, is behind the log's
guest_late() {
	echo $(($(stat -c %Y "$TANDEM_DIR/log/$g".* | sort -n | tail -n 1) - $(sed -n 's/.*DATE=\([0-9]*\).*/\1/p' "$(log "$g")" | tail -n 1)))
}
said() { guest_said "$(log "$1")" "$2"; }
ended() { tandem list | grep -qE "^$1 .* ------ "; }
absent() { ! tandem list | grep -qE "^$1 "; }

# done_well NAME: fio has verified everything
done_well() {
	wait_for 150 ended "$1" || fail "$1 has not ended"
	cp "$(log "$1")" "$VM_LOGS/console-$1"
	is "$1: status of its script" 0 "$(guest_status "$(log "$1")")"
	matches "$1: fio's errors" "err= 0" "$(grep -a -o 'err= *[0-9]*' "$(log "$1")")"
}

for pair in "6.12 2" "6.1 1"; do
	read -r k vcpus <<<"$pair"
	g=g${k/./}
	start "$g" "$k" "$vcpus"
	wait_for 100 said "$g" FIO-BEGINS || fail "$g: fio does not begin"
	began=$(guest_late)
	sleep 3
	ok tandem save -c "$g" "$work/check-$g"
	cat "$work/out"
	sleep 3
	guest_said "$(log "$g")" GUEST-RC && fail "$g has ended before it was saved"
	ok tandem save "$g" "$work/$g.zst"
	cat "$work/out"
	absent "$g" || fail "$g is there after it was saved"
	zstd -tq "$work/$g.zst" || fail "$g.zst is no file for zstd"
	before=$(wc -c <"$(log "$g")")
	sleep 30
	ok tandem restore "$work/$g.zst"
	done_well "$g"
	[ "$(wc -c <"$(log "$g")")" -gt "$before" ] || fail "$g said nothing since"
	late=$(guest_late)
	# an emulated machine's clocks drift apart; but it has not slept through 30 s
	echo "$g: its clock was late by $began s when it began, by $late s at its end"
	[ $((late - began)) -lt 25 ] || fail "$g: its clock stood while it was in the file"
	ok tandem destroy "$g"
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
is "domains left" 2 "$(tandem list | tail -n +2 | wc -l)"
finish
