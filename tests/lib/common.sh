# shellcheck shell=bash disable=SC2034 # set here, used by the tests
# SPDX-License-Identifier: MIT
# What end-to-end tests share: a hypervisor in a directory of its own, checks
# that name what differs, and an end that leaves nothing behind.
#
# The build gives TANDEM, TANDEM_HVD and, where a test uses it, TANDEM_BLKBACK
# or TANDEM_NETBACK.
# Sourcing this file makes $work and exports TANDEM_DIR and XENSTORED_PATH;
# what runs in the background is ended when the script is.
set -uo pipefail

: "${TANDEM:?} ${TANDEM_HVD:?}"
work=$(mktemp -d "${TMPDIR:-/tmp}/tandem-test.XXXXXX")
export TANDEM_DIR=$work/hv XENSTORED_PATH=$work/hv/xenstored/socket
unset TANDEM_HV_FD
pids=()
checks=0
failures=0

tandem() { "$TANDEM" "$@"; }

# needs COMMAND...: or the test cannot run
needs() {
	local c
	for c in "$@"; do
		command -v "$c" >/dev/null || {
			echo "$c is not installed"
			exit 77
		}
	done
}

# Ends one process and waits for it.
end_pid() {
	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

cleanup() {
	local i
	for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
		end_pid "${pids[i]}"
	done
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# background COMMAND...: its pid is in $bg; it ends with the script
background() {
	"$@" &
	bg=$!
	pids+=("$bg")
}

# wait_for SECONDS COMMAND...: until COMMAND succeeds; where each try takes its time, for
# thrice as long
wait_for() {
	local tries=$(($1 * 50)) end=$((EPOCHSECONDS + 3 * $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((tries-- > 0 && EPOCHSECONDS < end)) || return 1
		sleep 0.02
	done
}

hvd_start() {
	background "$TANDEM_HVD" --dir "$TANDEM_DIR"
	hvd_pid=$bg
	wait_for 20 tandem info || {
		echo "tandem-hvd does not answer"
		exit 1
	}
}

# blkback_start DOMAIN [OPTION...]
blkback_start() {
	background "$TANDEM_BLKBACK" --domain "$@"
	blkback_pid=$bg
}

# netback_start DOMAIN [OPTION...]
netback_start() {
	background "$TANDEM_NETBACK" --domain "$@"
	netback_pid=$bg
}

# The whole tree, as Debian's tool sees it.
tree() { xenstore-ls -f -p; }

fail() {
	failures=$((failures + 1))
	echo "FAIL line ${BASH_LINENO[1]}: $*"
}

# is WHAT EXPECTED ACTUAL
is() {
	checks=$((checks + 1))
	[ "$2" = "$3" ] || fail "$1: expected <$2>, got <$3>"
}

# matches WHAT PATTERN ACTUAL (an extended regular expression)
matches() {
	checks=$((checks + 1))
	[[ $3 =~ $2 ]] || fail "$1: <$3> does not match <$2>"
}

# ok COMMAND...: exit status 0 and nothing on stderr
ok() {
	local status
	checks=$((checks + 1))
	"$@" 2>"$work/err" >"$work/out"
	status=$?
	[ $status = 0 ] || fail "$*: status $status: $(cat "$work/err")"
	[ $status != 0 ] || [ ! -s "$work/err" ] || fail "$*: says: $(cat "$work/err")"
}

# bad PATTERN COMMAND...: status 2, exactly one line on stderr that matches,
# nothing on stdout, and xenstore unchanged
bad() {
	local pattern=$1 status before after
	shift
	checks=$((checks + 1))
	before=$(tree 2>&1)
	"$@" 2>"$work/err" >"$work/out"
	status=$?
	after=$(tree 2>&1)
	[ $status = 2 ] || fail "$*: status $status, not 2"
	[ "$(wc -l <"$work/err")" = 1 ] || fail "$*: not one line: $(cat "$work/err")"
	[ ! -s "$work/out" ] || fail "$*: printed: $(cat "$work/out")"
	[[ $(cat "$work/err") =~ $pattern ]] ||
		fail "$*: <$(cat "$work/err")> does not match <$pattern>"
	[ "$before" = "$after" ] ||
		fail "$*: changed xenstore: $(diff <(echo "$before") <(echo "$after"))"
}

# json FILTER COMMAND...: what jq's FILTER makes of the output
json() {
	local filter=$1
	shift
	"$@" | jq -cre "$filter" 2>&1
}

# vif GUEST FILTER: what `tandem network-list` says of vif 0
vif() { json ".[] | select(.devid == 0) | $2" tandem network-list "$1" --json --stats; }

finish() {
	echo "$checks checks, $failures failed"
	exit $((failures > 0))
}
