#!/bin/bash
# SPDX-License-Identifier: MIT
# A virtual machine moves to another hypervisor and back in the middle of a verified fio
# run and of a TCP connection; where that fails, it goes on. timeout: 900 s
if [ "$(id -u)" != 0 ]; then
	echo "no network: makes taps in a namespace of its own: root only"
elif [ "${IN_NETNS-}" != 1 ]; then
	IN_NETNS=1 exec unshare -n "$0"
fi
. "$(dirname "$0")/guest.sh"

there=$work/hv2
other() { "$TANDEM" --dir "$there" "$@"; }

hvd_start
background "$TANDEM_HVD" --dir "$there"
wait_for 20 other info || fail "the other tandem-hvd does not answer"
mkdir "$VM_LOGS/here" "$VM_LOGS/there"
ln -s "$VM_LOGS/here" "$TANDEM_DIR/log"
ln -s "$VM_LOGS/there" "$there/log"
ok tandem create drv0
blkback_start drv0 --allow "$work" --workers 1
ok other create drv0
background env TANDEM_DIR="$there" "$TANDEM_BLKBACK" --domain drv0 --allow "$work" --workers 1
# a third has a domain for the backend, and no backend
background "$TANDEM_HVD" --dir "$work/hv3"
wait_for 20 "$TANDEM" --dir "$work/hv3" info || fail "the third tandem-hvd does not answer"
ok "$TANDEM" --dir "$work/hv3" create drv0

# a switch at each hypervisor, and what a cable would be between them
vif=
if [ "${IN_NETNS-}" = 1 ]; then
	vif='vif = [ "bridge=sw0,backend=drv0" ]'
	ip link add br0 type bridge
	ip addr add 10.0.0.2/24 dev br0
	ip link set br0 up
	vm_peer peer tnd0
	TANDEM_DIR=$there vm_peer peer tnd1
	ip link set tnd0 master br0
	ip link set tnd1 master br0
fi

guest_root "$work/root"
truncate -s 32M "$work/data"
guest_archive 6.12 "$work/cpio" <<'EOF'
#!/bin/sh
i=0
until ip link show eth0 >/dev/null 2>&1 || [ $i = 50 ]; do
	sleep 0.1
	i=$((i + 1))
done
if ip addr add 10.0.0.1/24 dev eth0 && ip link set eth0 up; then
	i=0
	while [ ! -e /run/enough ]; do
		i=$((i + 1))
		for line in 1 2 3 4 5 6 7 8; do
			echo "$i: line $line of what a guest sends"
		done
		sleep 1
	done | nc -l -p 5000 &
fi
# again and again, until the other end of the disk says so
echo FIO-BEGINS
until [ "$(dd if=/dev/xvdb bs=4k skip=6144 count=1 iflag=direct 2>/dev/null | head -c 4)" = STOP ]; do
	fio --name=mix --filename=/dev/xvdb --size=8m --rw=randrw --bsrange=4k-64k \
		--rate=200k,200k --iodepth=8 --ioengine=libaio --direct=1 --verify=crc32c \
		--verify_fatal=1 || exit 4
	echo FIO-AGAIN
done
: >/run/enough
wait
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
$vif
EOF
ok tandem create "$work/g.cfg"
log() { echo "$1/log/g.console"; }
said() { guest_said "$(log "$1")" "$2"; }
runs() { "$TANDEM" --dir "$1" list | grep -qE '^g .* (r-|-b)---- '; }
absent() { ! "$TANDEM" --dir "$1" list | grep -qE '^g '; }
wait_for 100 said "$TANDEM_DIR" FIO-BEGINS || fail "fio does not begin"
# got: how many bytes have come
got() { stat -c %s "$work/got" 2>/dev/null || echo 0; }
more() { [ "$(got)" -gt "$1" ]; }
# flows WHERE: on the connection that there is
flows() {
	[ -z "$vif" ] || wait_for 30 more "$(got)" || fail "nothing comes from $1"
}
if [ -n "$vif" ]; then
	wait_for 30 ping -c 1 -W 5 10.0.0.1 || fail "it does not answer"
	cat </dev/tcp/10.0.0.1/5000 >"$work/got" &
	fetcher=$!
fi
flows here
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
flows "here, where it stayed"
ok tandem migrate g "unix:$there"
cat "$work/out"
absent "$TANDEM_DIR" || fail "it is here after it moved"
runs "$there" || fail "it does not run there"
guest_said "$(log "$TANDEM_DIR")" GUEST-RC && fail "it had ended before it moved"
flows there
(printf 'is anybody there\n' && sleep 10 && printf '\x1d') |
	TANDEM_DIR=$there timeout 60 "$TANDEM" console g >"$work/typed"
matches "its console" 'is anybody there' "$(cat "$work/typed")"
# and back, over two pipes as ssh makes them
mkfifo "$work/back"
# shellcheck disable=SC2094 # a pipe each way
other migrate g - <"$work/back" 2>"$work/err" | tandem migrate-receive >"$work/back" 2>>"$work/err"
is "over pipes" "0 0" "${PIPESTATUS[*]}"
is "what was said" "" "$(cat "$work/err")"
absent "$there" || fail "it is there after it came back"
flows here
sleep 3
printf STOP | dd of="$work/data" bs=4k seek=6144 conv=notrunc status=none
wait_for 200 absent "$TANDEM_DIR" || fail "it has not ended"
is "status of its script" 0 "$(guest_status "$(log "$TANDEM_DIR")")"
is "fio's errors" "err= 0" "$(cat "$VM_LOGS"/*/g.console | grep -a -o 'err= *[0-9]*' | sort -u)"
if [ -n "$vif" ]; then
	wait "$fetcher"
	last=$(tail -n 1 "$work/got" | cut -d: -f1)
	echo "$(got) bytes have come"
	is "what came" "$(seq "$last" | awk '{ for (i = 1; i <= 8; i++) print $1 ": line " i " of what a guest sends" }' | sha256sum)" \
		"$(sha256sum <"$work/got")"
fi
finish
