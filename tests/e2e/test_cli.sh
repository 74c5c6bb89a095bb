#!/bin/bash
# SPDX-License-Identifier: MIT
# Every verb of the tandem program but those that need a backend's program,
# and a table of bad input.
# shellcheck source=tests/lib/common.sh
. "$(dirname "$0")/../lib/common.sh"

# ------------------------------------------------------ before there is a hypervisor
before_hvd() {
	local verb
	for verb in list info "create g" "destroy g" "domid g" "domname 1" \
		"block-list g" "block-attach g /i,,xvda" "block-detach g xvda" \
		"block-resize g xvda" "xs read /" "xs ls" "xs write /a b" \
		"export --nbd $work/s g/xvda"; do
		# shellcheck disable=SC2086
		bad 'no hypervisor answers there' tandem $verb
	done
	bad 'no hypervisor answers there' tandem --dir="$work/nowhere" list
	matches "help needs no hypervisor" 'block-attach' "$(tandem --help)"
	matches "version" '^tandem [0-9]' "$(tandem --version)"
}

# ------------------------------------------------------------------------- domains
domains() {
	local before after id
	ok tandem create first # the first makes /local/domain
	ok tandem destroy first
	before=$(tree)
	ok tandem create guest0
	id=$(tandem domid guest0)
	is "domname" guest0 "$(tandem domname "$id")"
	is "list --json" "guest0 $id 0 null" "$(json \
		'.[] | select(.name == "guest0") | "\(.name) \(.domid) \(.connections) \(.pid)"' \
		tandem list --json)"
	matches "list" "guest0 +$id +0 +0 +------ +0.0" "$(tandem list)"
	is "domain 0 is listed" Domain-0 "$(json '.[0].name' tandem list -j)"
	is "introduced" guest0 "$(xenstore-read "/local/domain/$id/name")"
	bad "already: guest0" tandem create guest0
	bad "there is no domain 'guest1'" tandem domid guest1
	ok tandem destroy guest0
	bad "there is no domain 'guest0'" tandem destroy guest0
	is "create --json" '{"name":"g5","domid":77,"pid":null}' \
		"$(tandem create g5 domid=77 --json | jq -c .)"
	bad "already" tandem create other domid=77
	ok tandem destroy 77
	after=$(tree)
	is "destroy leaves nothing" "$before" "$after"
}

configs() {
	local id
	cat >"$work/g.cfg" <<-EOF
		# a comment
		name = "fromfile"
		type = "proc"
		disk = [ 'backendtype=ram,vdev=xvda,target=4M',
			 '/img,raw,xvdb,ro', ]   # two
	EOF
	ok tandem create --wait 0 "$work/g.cfg"
	id=$(tandem domid fromfile)
	is "two disks" "51712 51728" "$(json 'map(.devid) | join(" ")' \
		tandem block-list fromfile --json)"
	is "read-only" "r" "$(json '.[1].mode' tandem block-list fromfile --json)"
	ok tandem destroy fromfile
	is "disks went with it" "" "$(tree | grep "vbd/$id")"
	ok tandem create --wait 0 "$work/g.cfg" "name='renamed'" "disk+=['/b,,xvdc']"
	is "arguments win" 3 "$(json length tandem block-list renamed --json)"
	ok tandem destroy renamed
}

programs() {
	local pid
	cat >"$work/prog" <<-'EOF'
		#!/bin/bash
		echo "started: $TANDEM_HV_FD $1"
		[ -S "/proc/self/fd/$TANDEM_HV_FD" ] && echo "has a socket"
		exec sleep 1000
	EOF
	chmod +x "$work/prog"
	ok tandem create prog0 "exec=['$work/prog', 'an argument']"
	pid=$(json '.[] | select(.name == "prog0") | .pid' tandem list --json)
	matches "pid" '^[0-9]+$' "$pid"
	wait_for 5 grep -q socket "$TANDEM_DIR/log/prog0.log"
	matches "its output" 'started: [0-9]+ an argument.has a socket' \
		"$(tr '\n' '.' <"$TANDEM_DIR/log/prog0.log")"
	is "one connection" 1 \
		"$(json '.[] | select(.name == "prog0") | .connections' tandem list --json)"
	ok tandem destroy prog0
	matches "the program went with its domain" '^$|\) Z' \
		"$(cat "/proc/$pid/stat" 2>/dev/null)"
	bad 'exec: /nonexistent' tandem create prog1 "exec='/nonexistent'"
	bad 'there is no domain' tandem domid prog1
	ok tandem create prog2 "exec='sleep 1000'"
	ok tandem destroy prog2
	is "no record is left" "" "$(tree | grep '^/tandem')"
}

# ---------------------------------------------------------------- xenstore shortcuts
shortcuts() {
	ok tandem xs write /t/a 1 /t/b two
	is "read" 1 "$(tandem xs read /t/a)"
	is "read several" $'1\ntwo' "$(tandem xs read /t/a /t/b)"
	is "read --json" two "$(json '."/t/b"' tandem xs read --json /t/a /t/b)"
	is "Xen's tool agrees" two "$(xenstore-read /t/b)"
	is "ls" $'a = "1"\nb = "two"' "$(tandem xs ls /t)"
	ok tandem xs mkdir /t/d/e
	is "ls -R" '/t/d/e' "$(json '.[3].path' tandem xs ls --recursive --json /t)"
	is "ls of the root" true "$(json 'any(.path == "t")' tandem xs ls --json)"
	ok tandem xs chmod /t/a n0 r5
	matches "chmod" 'n0,r5' "$(xenstore-ls -f -p /t | grep ' a\|/a')"
	xenstore-write /t/evil $'\033]0;x\007'
	is "control characters" '?]0;x?' "$(tandem xs read /t/evil)"
	background tandem xs watch --count 2 /t/a >"$work/events"
	wait_for 5 grep -q . "$work/events"
	ok tandem xs write /t/a 3
	wait "$bg"
	is "watch" $'/t/a\n/t/a' "$(cat "$work/events")"
	is "watch --json" '{"path":"/t/a"}' "$(tandem xs watch -j -n 1 /t/a)"
	ok tandem xs rm /t
	bad 'No such file' tandem xs rm /t
	bad 'No such file' tandem xs read /t/a
	bad 'No such file' tandem xs ls /t
	bad 'a value is missing for /t/b' tandem xs write /t/a 1 /t/b
	bad 'Invalid' tandem xs write /t/ok 1 '/bad//path' 1
	bad "'q5' is no permission" tandem xs chmod / q5
	bad "'r' is no permission" tandem xs chmod / r
	bad "'r99999' is no permission" tandem xs chmod / r99999
}

info() {
	is "info --json" "$TANDEM_DIR $XENSTORED_PATH 1 0" "$(json \
		'"\(.directory) \(.xenstored_path) \(.domains) \(.disks)"' tandem info --json)"
	matches "info" "domains +1" "$(tandem info | tr '\n' ' ')"
}

# What nbdkit is told; the plugin itself has tests of its own.
exports() {
	mkdir "$work/bin"
	printf '#!/bin/sh\necho "$@"\n' >"$work/bin/nbdkit"
	chmod +x "$work/bin/nbdkit"
	touch "$work/plugin.so"
	ok tandem create g
	ok tandem block-attach --wait 0 g /i,,xvda
	is "export" "--foreground --unix $work/s --filter=blocksize --readonly $work/plugin.so disk=g/xvda" \
		"$(PATH=$work/bin:$PATH tandem export --nbd "$work/s" --readonly \
			--plugin "$work/plugin.so" g/xvda)"
	is "TANDEM_NBDKIT_PLUGIN" "--foreground --unix $work/s --filter=blocksize $work/plugin.so disk=g/51712" \
		"$(PATH=$work/bin:$PATH TANDEM_NBDKIT_PLUGIN=$work/plugin.so \
			tandem export --nbd "$work/s" g/51712)"
	bad 'no-plugin.so: No such file' tandem export --nbd "$work/s" \
		--plugin "$work/no-plugin.so" g/xvda
	bad 'g has no device xvdb' tandem export --nbd "$work/s" g/xvdb
	bad "'nope' is no virtual device" tandem export --nbd "$work/s" g/nope
	bad 'nbdkit: No such file' env PATH=/nonexistent "$TANDEM" export --nbd "$work/s" \
		--plugin "$work/plugin.so" g/xvda
	ok tandem destroy g
}

# ------------------------------------------------------------------------ bad input
usage() {
	bad 'a verb is missing' tandem
	bad "no verb 'frobnicate'" tandem frobnicate
	bad "no verb 'xs nope'" tandem xs nope
	bad "no verb 'xs'" tandem xs
	bad 'no such option' tandem --frobnicate list
	bad 'no such option' tandem --dir
	bad '--frobnicate: no such option' tandem list --frobnicate
	bad '-Z: no such option' tandem list -Z
	bad 'value is missing' tandem block-attach g /i,,xvda --wait
	bad "'soon' is no number" tandem block-attach g /i,,xvda --wait soon
	bad "is no number" tandem block-attach g /i,,xvda --wait -1
	bad "is no number" tandem block-attach g /i,,xvda --wait nan
	bad "'0' is no number" tandem xs watch --count 0 /
	bad '1 argument given' tandem list extra
	bad '0 arguments given' tandem domid
	bad '3 arguments given' tandem block-detach a b c
	bad "names no disk" tandem export --nbd "$work/s" guest0
	bad "nbd SOCKET is missing" tandem export guest0/xvda
	bad "exists already" tandem export --nbd "$work" guest0/xvda
	bad "no domain 'g'" tandem export --nbd "$work/s" g/xvda
	bad 'is no domain id' tandem domname guest0
	bad "no domain '5'" tandem domname 5
	bad "no domain '99999999999'" tandem destroy 99999999999
	bad "own" tandem destroy 0
}

bad_configs() {
	local long
	bad 'nonexistent.cfg: No such file' tandem create "$work/nonexistent.cfg"
	bad 'is no name for a domain' tandem create 'a b'
	bad 'is no name for a domain' tandem create 12
	bad 'is no name for a domain' tandem create $'a\033[1m'
	bad 'is no name for a domain' tandem create ''
	printf -v long '%064d' 1
	bad 'is no name for a domain' tandem create "x$long"
	bad 'argument:1: expected a number' tandem create g name=unquoted
	bad 'name is missing' tandem create /dev/null
	bad "type 'pv' is not supported: \"pvh\", \"hvm\"" tandem create g "type='pv'"
	bad "key 'firmware' is not supported" tandem create g "firmware='x'"
	bad "are a VM's" tandem create g "kernel='x'"
	bad 'kernel is missing' tandem create g "type='pvh'"
	bad 'a VM has a kernel' tandem create g "type='pvh'" "kernel='x'" "exec='x'"
	bad "memory '0' is no number" tandem create g "type='pvh'" memory=0
	bad "vcpus '33' is no number" tandem create g "type='pvh'" vcpus=33
	bad "domid '0' is no number" tandem create g domid=0
	bad "domid '32752' is no number" tandem create g domid=32752
	bad 'disk is no list' tandem create g "disk='/i,,xvda'"
	bad 'vdev is missing' tandem create g "disk=['/i']"
	bad 'same device' tandem create g "disk=['/i,,xvda', '/j,,51712']"
	bad "no domain 'nope'" tandem create g "disk=['backend=nope,/i,,xvda']"
	bad 'no backend answered' tandem create --wait 0.1 g "disk=['/i,,xvda']"
	bad 'exec names no program' tandem create g "exec=''"
	bad 'exec names no program' tandem create g "exec=[]"
	printf 'name="a"\n\nname="b"\n' >"$work/twice.cfg"
	bad 'twice.cfg:3: name was given in line 1' tandem create "$work/twice.cfg"
	printf 'name = "a' >"$work/open.cfg"
	bad 'open.cfg:1: the string' tandem create "$work/open.cfg"
	printf 'name = "a"\0\n' >"$work/nul.cfg"
	bad 'NUL' tandem create "$work/nul.cfg"
	mkdir "$work/dir.cfg"
	bad 'dir.cfg: Is a directory' tandem create "$work/dir.cfg"
}

bad_disks() {
	local s
	ok tandem create g
	while IFS='|' read -r s pattern; do
		bad "$pattern" tandem block-attach g "$s"
	done <<-'EOF'
		|vdev is missing
		/i|vdev is missing
		vdev=xvda|target is missing
		/i,,nope|vdev 'nope' is no virtual device
		/i,vmdk,xvda|format 'vmdk' is unknown
		/i,qcow2,xvda|not supported: format=qcow2
		/i,,xvda,sideways|access 'sideways' is unknown
		/i,,xvda,frob=1|unknown key 'frob' with value '1'
		/i,,xvda,sector-size=513|sector-size '513'
		/i,,xvda,script=x|not supported: script=x
		/i,,xvda,backendtype=qdisk|not supported: backendtype=qdisk
		/i,,xvda,iops=-3|iops '-3'
		./i,,xvda|relative
		backend=nope,/i,,xvda|there is no domain 'nope'
	EOF
	bad "no domain 'nope'" tandem block-attach nope /i,,xvda
	bad 'no backend answered within 0.1 s' tandem block-attach --wait 0.1 g /i,,xvda
	bad 'put the other keys before it' tandem block-attach --wait 0.1 g \
		vdev=xvda,target=/i,format=raw
	bad 'g has no device xvda' tandem block-detach g xvda
	bad "'nope' is no virtual device" tandem block-detach g nope
	bad 'g has no device xvda' tandem block-resize g xvda
	bad "no domain 'nope'" tandem block-list nope
	ok tandem destroy g
}

full_output() {
	[ -w /dev/full ] || return
	tandem info >/dev/full 2>"$work/err"
	is "a full standard output" 2 $?
	matches "says so" 'standard output' "$(cat "$work/err")"
}

# gone STATUS-FILE: the verb ended with 2 and one line
gone() {
	wait "$1"
	is "$2 without its hypervisor" 2 $?
	is "$2 says one line" 1 "$(wc -l <"$work/$2")"
	matches "$2 says" 'hypervisor is gone' "$(cat "$work/$2")"
}

# shellcheck disable=SC2317 # wait_for calls it
both_attached() { [ "$(tree | grep -c 'device/vbd/51712 ')" = 2 ]; }

killed() {
	local watch attach create
	ok tandem create g
	"$TANDEM" xs watch /a 2>"$work/watch" >"$work/events" &
	watch=$!
	"$TANDEM" block-attach g /i,,xvda 2>"$work/attach" &
	attach=$!
	"$TANDEM" create h "disk=['/i,,xvda']" 2>"$work/create" &
	create=$!
	wait_for 5 grep -q . "$work/events"
	wait_for 5 both_attached
	kill -9 "$hvd_pid"
	wait "$hvd_pid" 2>/dev/null
	gone $watch watch
	gone $attach attach
	gone $create create
	bad 'no hypervisor answers there' tandem list
}

before_hvd
hvd_start
info
domains
configs
programs
shortcuts
exports
usage
bad_configs
bad_disks
full_output
is "nothing is left" "" "$(tree | grep -v '^/local/domain/0\|^/local\|^/tool\|^/libxl\|^/ ')"
killed
finish
