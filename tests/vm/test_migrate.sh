#!/bin/bash
# SPDX-License-Identifier: MIT
# A virtual machine moves to another hypervisor and back in the middle of a verified fio
# run; where that fails, it goes on. timeout: 900 s
. "$(dirname "$0")/guest.sh"

there=$work/hv2
other() { "$TANDEM" --dir "$there" "$@"; }

hvd_start
background "$TANDEM_HVD" --dir "$there"
wait_for 20 other info || fail "the other tandem-hvd does not answer"
ok tandem create drv0
blkback_start drv0 --allow "$work" --workers 1
ok other create drv0
background env TANDEM_DIR="$there" "$TANDEM_BLKBACK" --domain drv0 --allow "$work" --workers 1
# a third has a domain for the backend, and no backend
background "$TANDEM_HVD" --dir "$work/hv3"
wait_for 20 "$TANDEM" --dir "$work/hv3" info || fail "the third tandem-hvd does not answer"
ok "$TANDEM" --dir "$work/hv3" create drv0

guest_root "$work/root"
truncate -s 32M "$work/data"
guest_archive 6.12 "$work/cpio" <<'EOF'
#!/bin/sh
# again and again, until the other end of the disk says so
echo FIO-BEGINS
until [ "$(dd if=/dev/xvdb bs=4k skip=6144 count=1 iflag=direct 2>/dev/null | head -c 4)" = STOP ]; do
	fio --name=mix --filename=/dev/xvdb --size=8m --rw=randrw --bsrange=4k-64k \
		--rate=200k,200k --iodepth=8 --ioengine=libaio --direct=1 --verify=crc32c \
		--verify_fatal=1 || exit 4
	echo FIO-AGAIN
done
EOF
cat >"$work/g.cfg" <<EOF
name = "g"
type = "pvh"
kernel = "$VM_IMAGES/vmlinux-6.12"
ramdisk = "$work/cpio"
root = "/dev/xvda"
extra = "console=hvc0 panic=-1 nokaslr mitigations=off quiet"
memory = 384
vcpus = 2
disk = [ "backend=drv0,vdev=xvda,target=$work/root",
         "backend=drv0,vdev=xvdb,target=$work/data" ]
EOF
ok tandem create "$work/g.cfg"
# what it said: under its keeper, and since it came
log() {
	cat "$1"/log/g.* >"$work/said"
	echo "$work/said"
}
said() { guest_said "$(log "$1")" "$2"; }
runs() { "$TANDEM" --dir "$1" list | grep -qE '^g .* (r-|-b)---- '; }
absent() { ! "$TANDEM" --dir "$1" list | grep -qE '^g '; }
ended() { "$TANDEM" --dir "$1" list | grep -qE '^g .* ------ '; }
wait_for 100 said "$TANDEM_DIR" FIO-BEGINS || fail "fio does not begin"
sleep 3

# no_move WHAT COMMAND...: refused, status 2, and it runs here
no_move() {
	local what=$1 status=0
	shift
	"$@" >"$work/out" 2>"$work/err" || status=$?
	is "$what: status" 2 "$status"
	echo "$what: $(tr '\n' ' ' <"$work/err")"
	runs "$TANDEM_DIR" || fail "$what: it does not run here any more"
}
no_move "nobody there" tandem migrate g "unix:$work/nowhere"
no_move "a program that is none" tandem migrate g exec:false
no_move "no place" tandem migrate g nonsense
matches "no place" 'is no place' "$(cat "$work/err")"
ok other create g
no_move "its name is taken" tandem migrate g "unix:$there"
ok other destroy g
no_move "no backend there" tandem migrate g "unix:$work/hv3"
absent "$work/hv3" || fail "something of it is left there"

sleep 2
ok tandem migrate g "unix:$there"
cat "$work/out"
absent "$TANDEM_DIR" || fail "it is here after it moved"
runs "$there" || fail "it does not run there"
guest_said "$(log "$TANDEM_DIR")" GUEST-RC && fail "it had ended before it moved"
sleep 3
# and back, over two pipes as ssh makes them
mkfifo "$work/back"
# shellcheck disable=SC2094 # a pipe each way
other migrate g - <"$work/back" 2>"$work/err" | tandem migrate-receive >"$work/back" 2>>"$work/err"
is "over pipes" "0 0" "${PIPESTATUS[*]}"
is "what was said" "" "$(cat "$work/err")"
absent "$there" || fail "it is there after it came back"
sleep 3
printf STOP | dd of="$work/data" bs=4k seek=6144 conv=notrunc status=none
wait_for 200 ended "$TANDEM_DIR" || fail "it has not ended"
cp "$(log "$TANDEM_DIR")" "$VM_LOGS/console-here"
cp "$(log "$there")" "$VM_LOGS/console-there"
is "status of its script" 0 "$(guest_status "$(log "$TANDEM_DIR")")"
is "fio's errors" "err= 0" "$(cat "$VM_LOGS"/console-* | grep -a -o 'err= *[0-9]*' | sort -u)"
ok tandem destroy g
finish
