#!/bin/bash
# SPDX-License-Identifier: MIT
# tandem-netfront between two network namespaces: tap, netfront, shared rings,
# netback, tap. Whole files both ways with each offload on and off, queues, MTU
# 9000, a backend that is killed while iperf3 runs, bad input.
#
# Wants TANDEM, TANDEM_HVD, TANDEM_NETBACK, TANDEM_NETFRONT. MIB (16): of a file.
if [ "${1:-}" != inside ]; then
	command -v iperf3 >/dev/null || {
		echo "iperf3 is not installed"
		exit 77
	}
	why=$(unshare --user --map-root-user --net --mount ip tuntap add mode tap name t0 2>&1) || {
		echo "no taps in a network namespace of its own: $why"
		exit 77
	}
	exec unshare --user --map-root-user --net --mount "$0" inside
fi
# shellcheck source=tests/lib/common.sh
. "$(dirname "$0")/../lib/common.sh"
: "${TANDEM_NETBACK:?} ${TANDEM_NETFRONT:?}"

# The other side is a namespace of its own, as long as this process lives.
ip link set lo up
background unshare --net sleep 600
there_pid=$bg
there() { nsenter -t "$there_pid" -n "$@"; }
elsewhere() { [ "$(readlink "/proc/$there_pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
wait_for 5 elsewhere || fail "no second namespace"
there ip link set lo up

back_start() {
	background nsenter -t "$there_pid" -n "$TANDEM_NETBACK" --domain drvnet
	netback_pid=$bg
}
have() { there ip -o link show vif0 2>/dev/null | grep -q UP; }
# netfront_start OPTION...: connected, with addresses on both ends
netfront_start() {
	background "$TANDEM_NETFRONT" --domain guest0 --vif 0 --tap tnd0 --verbose "$@" \
		>"$work/front" 2>&1
	netfront_pid=$bg
	wait_for 15 grep -q reconnects: "$work/front" || fail "netfront: $(cat "$work/front")"
	ip addr replace 10.9.0.1/24 dev tnd0 && ip -6 addr replace fd09::1/64 dev tnd0 nodad
	there_addresses
}
# The backend's tap is a new one with each backend: with the same address, or
# neighbours go on with the old one.
there_addresses() {
	wait_for 10 have || fail "the backend's tap is not there"
	there ip link set vif0 address 02:00:00:00:00:02
	there ip addr replace 10.9.0.2/24 dev vif0
	there ip -6 addr replace fd09::2/64 dev vif0 nodad
}
netfront_stop() {
	end_pid "$netfront_pid"
	is "netfront's end" 0 "$?"
}

# server, client: one python is both ends of a checked transfer
transfer='
import hashlib, socket, sys
how, host, port, mib, family = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), 0
block = bytes(range(256)) * 257
def send(s):
    h = hashlib.sha256()
    for i in range(mib * 16):
        b = i.to_bytes(8, "little") + block[i % 256:i % 256 + 65528]
        s.sendall(b)
        h.update(b)
    s.shutdown(socket.SHUT_WR)
    return h.hexdigest()
def recv(s):
    h = hashlib.sha256()
    while True:
        b = s.recv(1 << 20)
        if not b:
            return h.hexdigest()
        h.update(b)
info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
s = socket.socket(info[0], info[1])
if how == "serve":
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(info[4]); s.listen(1); print("ready", flush=True)
    s = s.accept()[0]
    print(recv(s)); print(send(s))
else:
    s.settimeout(60); s.connect(info[4])
    print(send(s)); print(recv(s))
'
port=5000
# moves WHAT ADDRESS: a file each way arrives as it was
moves() {
	port=$((port + 1))
	rm -f "$work/served" # an earlier one's would say that it is ready
	there timeout 15 python3 -c "$transfer" serve "$2" $port "${MIB:-16}" >"$work/served" 2>&1 &
	local server=$!
	wait_for 10 grep -q ready "$work/served"
	timeout 15 python3 -c "$transfer" get "$2" $port "${MIB:-16}" >"$work/got" 2>&1
	wait $server
	is "$1" "$(tail -n +2 "$work/served")" "$(cat "$work/got")"
}

# on FEATURE...: netfront says that these are on, off: that they are off
on() { for f in "$@"; do grep -q "^$f: on" "$work/front" || fail "$f is not on"; done; }
off() { for f in "$@"; do grep -q "^$f: off" "$work/front" || fail "$f is not off"; done; }

hvd_start
ok tandem create drvnet
ok tandem create guest0
back_start
ok tandem network-attach guest0 backend=drvnet,port=tap,vifname=vif0,mac=00:16:3e:09:00:01

netfront_start
on tx-csum tx-tso4 tx-tso6 rx-csum rx-tso4 rx-tso6 split-event-channels
is "the tap's address" 00:16:3e:09:00:01 "$(cat /sys/class/net/tnd0/address 2>/dev/null ||
	ip -o link show tnd0 | sed -n 's/.*ether \([^ ]*\).*/\1/p')"
moves "all offloads" 10.9.0.2
moves "all offloads, IPv6" fd09::2
netfront_stop

for key in sg csum csum6 tso4 tso6 tx-csum rx-csum tx-sg rx-sg; do
	netfront_start --offload "$key=off"
	[ "${key#rx-}" != "$key" ] || off "tx-${key#tx-}"
	[ "${key#tx-}" != "$key" ] || off "rx-${key#rx-}"
	MIB=2 moves "$key off" 10.9.0.2
	MIB=2 moves "$key off, IPv6" fd09::2
	netfront_stop
done
netfront_start --no-split --no-ctrl --poll-us 0 --offload sg=off,csum=off,csum6=off
MIB=4 moves "nothing on" 10.9.0.2
netfront_stop

# kill -9 of the backend: streams go on
netfront_start
there timeout 60 iperf3 -s -1 >"$work/iperf3.server" 2>&1 &
server=$!
sleep 0.3
timeout 60 iperf3 -c 10.9.0.2 -t 6 >"$work/iperf3" 2>&1 &
client=$!
for _ in 1 2 3; do
	sleep 1
	kill -9 "$netback_pid"
	wait "$netback_pid" 2>/dev/null
	back_start
	there_addresses
done
wait $client || fail "iperf3: $(tail -3 "$work/iperf3")"
wait $server
MIB=4 moves "after three backends" 10.9.0.2
is "connected again" 3 "$(grep -c 'connected again' "$work/front")"
netfront_stop

# more queues, jumbo frames
tandem network-detach guest0 0 >/dev/null
ok tandem network-attach guest0 \
	backend=drvnet,port=tap,vifname=vif0,mac=00:16:3e:09:00:01,mtu=9000,queues=4
netfront_start --queues 4 --hash
is "MTU" 9000 "$(ip -o link show tnd0 | sed -n 's/.*mtu \([0-9]*\).*/\1/p')"
moves "four queues" 10.9.0.2
there timeout 30 iperf3 -s -1 >/dev/null 2>&1 &
server=$!
sleep 0.3
ok timeout 30 iperf3 -c 10.9.0.2 -t 1 -P 4
wait $server
netfront_stop

# one clear line, status 2
refuses() {
	local want=$1 out status
	shift
	out=$(timeout 20 "$TANDEM_NETFRONT" "$@" 2>&1)
	status=$?
	is "status of $*" 2 $status
	matches "$*" "$want" "$out"
}
refuses 'whose vif' --sink
refuses 'one of --tap' --domain guest0
refuses 'not with --gen' --domain guest0 --tap t1 --gen 64
refuses '14 to 65535' --domain guest0 --gen 13
refuses 'want sg, csum' --domain guest0 --sink --offload lro=off
refuses 'want on or off' --domain guest0 --sink --offload sg=no
refuses 'no vif 7 \(it has 0\)' --domain guest0 --vif 7 --sink
refuses 'domain nobody' --domain nobody --sink
refuses '15 characters' --domain guest0 --tap a-name-that-is-too-long
refuses 'not a tap' --domain guest0 --tap lo
refuses '16 at most' --domain guest0 --tap t1 --queues 17
refuses 'unicast' --domain guest0 --tap t1 --mac 01:00:00:00:00:00

echo "$checks checks, $failures failures"
exit $((failures > 0))
