# shellcheck shell=bash disable=SC2034 # set here, used by the tests
# SPDX-License-Identifier: MIT
# A VM by the verbs of tandem: a microguest that does what is typed on its console
# (guest_life.c), on this machine's KVM, whatever it can.
# shellcheck source=tests/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
: "${TANDEM_VM:?} ${TANDEM_BLKBACK:?} ${GUEST:?}"
needs jq readelf
if ! [ -r /dev/kvm ] || ! [ -w /dev/kvm ]; then
	echo "no /dev/kvm here, or none for this user"
	exit 77
fi
printf '#!/bin/sh\nexec "%s" --call-port "$@"\n' "$TANDEM_VM" >"$work/vm"
chmod +x "$work/vm"
export TANDEM_VM=$work/vm TANDEM_DUMP_DIR=$work

cat >"$work/g.cfg" <<-EOF
	name = "g"
	type = "pvh"
	kernel = "$GUEST"
	cmdline = "p"
	memory = 16
	uuid = "01234567-89AB-cdef-0123-456789abcdef"
EOF
create() { ok tandem create --wait 20 "$work/g.cfg" "$@"; }
field() { json ".[] | select(.name == \"g\") | .$1" tandem list --json; }
state_is() { [ "$(field state)" = "$1" ]; }
gone() { ! tandem domid g 2>/dev/null; }
# becomes WHAT PATTERN: the letters of its state
becomes() {
	checks=$((checks + 1))
	wait_for 20 state_is "$2" || fail "$1: its state is $(field state)"
}
ends() {
	checks=$((checks + 1))
	wait_for 20 gone || fail "$1: it is still there"
}
# types TEXT: on its console
types() { (printf %s "$1" && sleep "${2-0.3}" && printf '\x1d') | timeout 10 "$TANDEM" console g >"$work/typed"; }
ppid() { sed 's/.*) . //' "/proc/$1/stat" | cut -d' ' -f1; }
dead() { ! kill -0 "$1" 2>/dev/null; }

key() { xenstore-read "/local/domain/$(tandem domid g)/$1"; }
asked() { [ "$(key control/shutdown)" = suspend ]; }
# What the guest would do, which has no xenstore of its own: take the request.
took() { xenstore-write "/local/domain/$(tandem domid g)/control/shutdown" ""; }
answers() { wait_for 10 asked && took && types s 0; }
# suspends COMMAND...: which asks the guest; a person answers for it
suspends() {
	local status
	checks=$((checks + 1))
	"$@" >"$work/saved" 2>&1 &
	answers || fail "$*: nobody asks the guest"
	wait $!
	status=$?
	[ $status = 0 ] || fail "$*: status $status: $(cat "$work/saved")"
}

left() {
	ls "$TANDEM_DIR/vm"
	tree 2>&1 | grep -E "^/(vm|tandem)[/ ]|/backend/v[bi][fd]/"
}
none_left() { [ -z "$(left)" ]; }
# nothing_left: of a VM that has ended, a moment later
nothing_left() {
	checks=$((checks + 1))
	wait_for 10 none_left || fail "there is left: $(left)"
}
log() { cat "$TANDEM_DIR/log/g.console"; }
log_is() { [ "$(log)" = "$1" ]; }
# fresh: the logs; its keeper may have them open
fresh() { [ ! -e "$TANDEM_DIR/log/g.log" ] || truncate -s 0 "$TANDEM_DIR"/log/g.*; }
# said WHAT TEXT: its console, since the log is fresh
said() {
	checks=$((checks + 1))
	wait_for 20 log_is "$2" || fail "$1: its console: $(log)"
}
