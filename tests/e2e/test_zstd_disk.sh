#!/bin/bash
# SPDX-License-Identifier: MIT
# A compressed disk through the whole path: a sandboxed backend process, a
# frontend, the overlay, and what a person is told about a bad image.
# shellcheck source=tests/lib/common.sh
. "$(dirname "$0")/../lib/common.sh"
: "${EXAMPLES:?}"

img=$work/disk.zst

attach() { tandem block-attach guest0 "format=zstd,vdev=xvda,backend=drv0,$1target=$img"; }
detach() { ok tandem block-detach guest0 xvda; }

# copy FROM TO RAW: between the compressed disk and a raw one, xvdb
copy() {
	ok tandem block-attach guest0 "vdev=xvdb,backend=drv0,target=$3"
	ok "$EXAMPLES/copy" "guest0/$1" "guest0/$2"
	ok tandem block-detach guest0 xvdb
}

make_disk() {
	head -c 3M /dev/urandom >"$work/raw"
	truncate -s 16M "$work/raw"
	ok tandem image convert "$work/raw" "$img"
}

reads_and_writes() {
	ok attach ""
	copy xvdb xvda "$work/new"
	detach
	is "base untouched" "$(sha256sum <"$work/raw")" "$(zstd -dc "$img" | sha256sum)"
	wait_for 5 tandem image check "$img" # let go of
	ok tandem image check "$img"
	ok attach "access=ro,"
	truncate -s 16M "$work/back"
	copy xvda xvdb "$work/back"
	detach
	is "what was written" "$(sha256sum <"$work/new")" "$(sha256sum <"$work/back")"
	ok tandem image commit "$img"
	is "committed" "$(sha256sum <"$work/new")" "$(zstd -dc "$img" | sha256sum)"
}

bad_images() {
	ok attach ""
	bad 'in use' tandem image commit "$img"
	detach
	cp "$img" "$work/good.zst"
	truncate -s -1 "$img"
	bad 'no seek table at the end' attach ""
	ok tandem image convert -f "$work/raw" "$work/other.zst"
	cp "$work/other.zst" "$img"
	bad 'belongs to another base image' attach ""
	bad 'cannot be opened' attach "options=overlay=$work.outside,"
	is "outside of --allow" "" "$(ls "$work.outside" 2>/dev/null)"
	bad "options: 'cache=lots'" attach "options=cache=lots,"
	cp "$work/good.zst" "$img"
	ok attach ""
	detach
}

hvd_start
ok tandem create guest0
ok tandem create drv0
blkback_start drv0 --allow "$work"
make_disk
head -c 16M /dev/urandom >"$work/new"
reads_and_writes
bad_images
finish
