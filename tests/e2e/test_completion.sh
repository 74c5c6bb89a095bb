#!/bin/bash
# SPDX-License-Identifier: MIT
# Completion for bash, as bash would call it.
# shellcheck source=tests/lib/common.sh
. "$(dirname "$0")/../lib/common.sh"
here=$(dirname "$0")
# shellcheck source=/dev/null
[ -r /usr/share/bash-completion/bash_completion ] && {
	set +u
	. /usr/share/bash-completion/bash_completion
}
set +u
# shellcheck source=tools/completion/tandem
. "$here/../../tools/completion/tandem"
compopt() { :; } # works only while bash itself completes

# completes WORD...: what follows `tandem WORD...`, the last being completed
completes() {
	COMP_WORDS=("$TANDEM" "$@")
	COMP_CWORD=$#
	COMP_LINE="${COMP_WORDS[*]}"
	COMP_POINT=${#COMP_LINE}
	COMP_TYPE=9
	_tandem "$TANDEM"
	echo "${COMPREPLY[*]}"
}

sorted() { tr ' ' '\n' | sort -u | tr '\n' ' ' | sed 's/ $//'; }

is "verbs" "block-attach block-detach block-list block-resize" "$(completes block)"
matches "all verbs" '(^| )create .*list .*xs' "$(completes '')"
is "options before the verb" "--dir= --help --version" "$(completes -- | sorted)"
is "options of a verb" "--json" "$(completes list --j)"
is "options of a verb" "--count= --help --json" "$(completes xs watch -- | sorted)"
is "the xs family" "read rm" "$(completes xs r | sorted)"
is "image" "check" "$(completes image ch)"
matches "image's options" '--size' "$(completes image create --s)"
is "options of top" "--batch --count= --delay= --help" "$(completes top -- | sorted)"
is "without a hypervisor" "" "$(completes destroy '')"

hvd_start
ok tandem create guest0
ok tandem create guest1
ok tandem create drv0
ok tandem block-attach --wait 0 guest0 'vdev=xvda,target=/i'
ok tandem block-attach --wait 0 guest0 'vdev=xvdb,target=/j'
is "domains" "guest0 guest1" "$(completes destroy g)"
is "VMs" "guest0 guest1" "$(completes mem-set g)"
is "VMs" "guest0 guest1" "$(completes vcpu-set g)"
is "VMs' verbs" "guest0 guest1" "$(completes pause g)"
is "behind an option without a value" "guest0 guest1" "$(completes shutdown --wait g)"
is "several" "guest0 guest1" "$(completes vcpu-list drv0 g)"
is "options of VMs' verbs" "--all --fallback --help --wait" "$(completes shutdown -- | sorted)"
is "PCs" "guest0 guest1" "$(completes screenshot g)"
is "drives" "fda fdb" "$(completes cdrom-insert guest0 f)"
is "keys" "ctrl-alt-delete" "$(completes send-key guest0 ctrl-)"
is "keys, behind text" "pgdn pgup" "$(completes send-key --text x guest0 esc pg)"
is "buttons" "power" "$(completes trigger guest0 '')"
is "machines to save" "guest0 guest1" "$(completes save g)"
is "where they go" "exec:" "$(completes migrate guest0 e)"
is "behind an option with a value" "guest0 guest1" "$(completes block-detach --wait 3 g)"
is "disks" "xvda xvdb" "$(completes block-detach guest0 '')"
is "a disk of none" "" "$(completes block-detach guest1 '')"
is "export: domains" "guest0/ guest1/" "$(completes export gu)"
is "export: disks" "guest0/xvda guest0/xvdb" "$(completes export guest0/)"
is "disk keys" "vdev=" "$(completes block-attach guest0 vd)"
is "disk keys behind a comma" "vdev=xvdc,sector-size=" \
	"$(completes block-attach guest0 vdev=xvdc,se)"
is "disk values" "vdev=xvdc,format=zstd" \
	"$(completes block-attach guest0 vdev=xvdc,format=z)"
is "backends" "vdev=xvdc,backend=drv0" \
	"$(completes block-attach guest0 vdev=xvdc,backend=d)"
is "target= takes the rest" "" "$(completes block-attach guest0 vdev=xvdc,target=/a,se)"
ok tandem network-attach --wait 0 guest1
ok tandem network-attach --wait 0 guest1
is "network verbs" "network-attach network-detach network-list network-rate" \
	"$(completes network)"
is "vifs' domains" "guest0 guest1" "$(completes network-attach g)"
is "vifs" "0 1" "$(completes network-detach guest1 '')"
is "vifs behind an option" "0 1" "$(completes network-rate --wait 3 guest1 '')"
is "vif-capture: vifs" "guest1/0 guest1/1" "$(completes vif-capture guest1/)"
is "vif-replay: vifs" "guest1/0 guest1/1" "$(completes vif-replay guest1/)"
is "vif-replay: options" "--loop= --rate= --speed=" \
	"$(completes vif-replay -- | sorted | tr ' ' '\n' | grep -E 'loop|rate|speed' | tr '\n' ' ' | sed 's/ $//')"
is "vif-capture: options" "--filter= --rotate-seconds= --rotate-size=" \
	"$(completes vif-capture -- | sorted | tr ' ' '\n' | grep -E 'filter|rotate' | tr '\n' ' ' | sed 's/ $//')"
is "vif keys" "bridge=" "$(completes network-attach guest0 br)"
is "vif keys behind a comma" "mac=00:16:3e:01:02:03,mtu=" \
	"$(completes network-attach guest0 mac=00:16:3e:01:02:03,mt)"
is "vif values" "queues=2,port=packet: queues=2,port=pcap:/" \
	"$(completes network-attach guest0 queues=2,port=p)"
is "vif backends" "backend=drv0" "$(completes network-attach guest0 backend=d)"
is "switches" "isolated=0 isolated=1" "$(completes network-attach guest0 isolated=)"
dir=$TANDEM_DIR
export TANDEM_DIR=/nonexistent
is "--dir" "guest0 guest1" "$(completes --dir="$dir" destroy g)"
is "another --dir" "" "$(completes --dir=/nowhere destroy g)"
finish
