# shellcheck shell=bash disable=SC2034 # set here, used by the tests
# SPDX-License-Identifier: MIT
# What end-to-end tests of the network share: namespaces of their own, a driver
# domain in one, guests in others.
#
# Sourcing it starts the test again inside a user, network and mount namespace,
# where whoever runs it is root; all of it is gone when its processes are.
# The build gives TANDEM_NETBACK and TANDEM_NETFRONT besides common.sh's.
if [ -z "${TANDEM_TEST_NS:-}" ]; then
	unshare --user --map-root-user --net --mount true 2>/dev/null || {
		echo "no namespaces for an ordinary user here"
		exit 77
	}
	TANDEM_TEST_NS=1 exec unshare --user --map-root-user --net --mount \
		"$BASH" "$0" "$@"
fi
# shellcheck source=tests/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
: "${TANDEM_NETBACK:?} ${TANDEM_NETFRONT:?}"

mac0=00:16:3e:01:02:03
mac1=00:16:3e:01:02:04

# netns NAME...
netns() {
	local n
	for n in "$@"; do
		ip netns add "$n" && ip -n "$n" link set lo up || exit 1
	done
}

# inside NAMESPACE COMMAND...
inside() {
	local n=$1
	shift
	nsenter --net=/run/netns/"$n" "$@"
}

# The hypervisor, domains drv0, guest0 and guest1, and namespaces for them.
net_start() {
	mount -t tmpfs tmpfs /run || exit 1
	needs ip
	if ! ip tuntap add probe0 mode tap 2>"$work/err"; then
		echo "no tap can be made here: $(cat "$work/err")"
		exit 77
	fi
	ip link del probe0
	netns drv0 guest0 guest1
	hvd_start
	ok tandem create drv0
	ok tandem create guest0
	ok tandem create guest1
}

# netback_start [OPTION...]: in drv0
netback_start() {
	background nsenter --net=/run/netns/drv0 "$TANDEM_NETBACK" --domain drv0 "$@" \
		2>>"$work/netback.err"
	netback_pid=$bg
}

# netfront_start GUEST [OPTION...]: vif 0 as eth0 in the guest's namespace
netfront_start() {
	local guest=$1
	shift
	background nsenter --net=/run/netns/"$guest" "$TANDEM_NETFRONT" \
		--domain "$guest" --tap eth0 "$@" >"$work/$guest.out" 2>>"$work/$guest.err"
	netfront_pid=$bg
	wait_for 10 carrier "$guest" eth0 || {
		fail "$guest: eth0 does not come: $(cat "$work/$guest.err")"
		return 1
	}
}

# carrier NAMESPACE INTERFACE
carrier() { ip -n "$1" link show "$2" | grep -q LOWER_UP; }

# address NAMESPACE INTERFACE N: 192.0.2.N and 2001:db8::N, usable at once
address() {
	ip -n "$1" address replace "192.0.2.$3/24" dev "$2" &&
		ip -n "$1" address replace "2001:db8::$3/64" dev "$2" nodad &&
		ip -n "$1" link set "$2" up || fail "$1: no address for $2"
}

# iperf3_serve NAMESPACE [PORT]: until the script ends
iperf3_serve() {
	background nsenter --net=/run/netns/"$1" iperf3 -s -p "${2:-5201}" >/dev/null 2>&1
	wait_for 5 listens "$1" "${2:-5201}" || fail "iperf3 -s does not listen"
}

# listens NAMESPACE PORT
listens() { [ -n "$(inside "$1" ss -Hltn "sport = $2")" ]; }

# stop PID: the process ends by itself within 10 s when asked to; its status
stop() {
	kill -TERM "$1" 2>/dev/null
	ended "$1"
}

# ended PID: the process ends within 10 s; its status in $status
ended() {
	wait_for 10 gone "$1" || {
		fail "pid $1 does not end"
		kill -KILL "$1"
	}
	wait "$1"
	status=$?
}

# gone PID: no process, or one that is waited for
gone() { [[ ! -e /proc/$1 || $(cat "/proc/$1/stat" 2>/dev/null) == *') Z '* ]]; }

# transfer WHAT FROM TO ADDRESS BYTES: random bytes over TCP from one namespace to
# another's address arrive as they were sent
transfer() {
	local sum=${BASH_SOURCE[0]%/*}/tcpsum.py port pid sent
	: >"$work/received"
	nsenter --net=/run/netns/"$3" python3 "$sum" recv >"$work/received" 2>"$work/err" &
	pid=$!
	pids+=("$pid")
	wait_for 10 grep -q . "$work/received" || fail "$1: no receiver: $(cat "$work/err")"
	port=$(head -n 1 "$work/received")
	sent=$(inside "$2" timeout 60 python3 "$sum" send "$4" "$port" "$5" 2>&1)
	ended $pid
	matches "$1" "^$5 [0-9a-f]{64}\$" "$sent"
	is "$1" "$sent" "$(tail -n 1 "$work/received")"
}
