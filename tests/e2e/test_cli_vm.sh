#!/bin/bash
# SPDX-License-Identifier: MIT
# mem-set, mem-max, vcpu-set and the keys of a VM's memory and vcpus, without a VM: what
# they write, and what they refuse.
# shellcheck source=tests/lib/common.sh
. "$(dirname "$0")/../lib/common.sh"
hvd_start

ok tandem create g
bad "g is no VM" tandem mem-set g 64m
bad "g is no VM" tandem mem-max g 64m
bad "g is no VM" tandem vcpu-set g 1
id=$(tandem domid g)
home=/local/domain/$id

# as tandem create leaves them for memory=256, maxmem=512, vcpus=1, maxvcpus=3
ok tandem xs write "$home/memory/static-max" 524288 "$home/memory/target" 262144 \
	"$home/memory/max" 262144 "$home/cpu/0/availability" online \
	"$home/cpu/1/availability" offline "$home/cpu/2/availability" offline

# memory SIZE TARGET: what mem-set of SIZE writes
memory() {
	ok tandem mem-set g "$1"
	is "target after $1" "$2" "$(tandem xs read "$home/memory/target")"
	is "limit after $1" "$2" "$(tandem xs read "$home/memory/max")"
}
memory 131072 131072
memory 128m 131072
memory 200000k 200000
memory 268435456b 262144
memory 512M 524288
bad "524289 KiB is more than its maxmem" tandem mem-set g 524289
bad "more than its maxmem, 524288 KiB" tandem mem-set g 1g
bad "more than its maxmem" tandem mem-set g 1t
for size in '' 0 m 1x 1mm ' 1m' 0x100 1.5g 1023k 18446744073709551616 99999999999999t; do
	bad "'$size' is no memory size" tandem mem-set g "$size"
done
bad "no such domain|there is no domain" tandem mem-set h 64m
bad "1 argument given" tandem mem-set g

ok tandem mem-set g 256m
ok tandem mem-max g 300m
is "the limit alone" "262144 307200" \
	"$(tandem xs read "$home/memory/target") $(tandem xs read "$home/memory/max")"
bad "less than it is to have: 262144 KiB" tandem mem-max g 255m
bad "more than its maxmem" tandem mem-max g 513m

# cpus: which are said to be there
cpus() {
	local i
	for i in 0 1 2; do tandem xs read "$home/cpu/$i/availability"; done | tr '\n' ' '
}
ok tandem vcpu-set g 2
is "two" "online online offline " "$(cpus)"
ok tandem vcpu-set g 3
is "three" "online online online " "$(cpus)"
ok tandem vcpu-set g 1
is "one" "online offline offline " "$(cpus)"
bad "'0' is no number of vcpus from 1 to 3" tandem vcpu-set g 0
bad "'4' is no number of vcpus from 1 to 3" tandem vcpu-set g 4
bad "'two' is no number" tandem vcpu-set g two

vm=(name="'v'" type="'pvh'" kernel="'/k'")
bad "maxmem 128 is less than memory, 256" tandem create v "${vm[@]:1}" maxmem=128
bad "maxmem 128 is less than memory, 129" tandem create v "${vm[@]:1}" memory=129 maxmem=128
bad "maxvcpus 1 is less than vcpus, 2" tandem create v "${vm[@]:1}" vcpus=2 maxvcpus=1
bad "maxvcpus '33' is no number from 1 to 32" tandem create v "${vm[@]:1}" maxvcpus=33
bad "maxmem '0' is no number" tandem create v "${vm[@]:1}" maxmem=0
bad "hugepages '2' is neither 0 nor 1" tandem create v "${vm[@]:1}" hugepages=2
bad 'type="pvh" or "hvm" would be right' tandem create v maxmem=128
bad 'type="pvh" or "hvm" would be right' tandem create v maxvcpus=2
finish
