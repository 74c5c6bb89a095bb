# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the shell programs of tools/ share: the root, messages, builds.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# note TEXT...: a line for the person, on stderr
note() { echo "${0##*/}: $*" >&2; }

# die TEXT...: bad input or a broken machine
die() {
	note "$*"
	exit 2
}

# build_dir NAME OPTION...: $root/NAME, configured with OPTIONs and built (what
# $build_targets names, or everything). $CC chooses the compiler.
build_dir() {
	local dir=$root/$1 fio log
	shift
	fio=$("$root"/tools/deps --fio-src) || return 1
	log=$(mktemp)
	# shellcheck disable=SC2086
	if ! { if [ -e "$dir/build.ninja" ]; then
		meson configure "$dir" -Dfio_src="$fio" "$@"
	else
		rm -rf "$dir" && meson setup "$dir" "$root" -Dfio_src="$fio" "$@"
	fi && ninja -C "$dir" ${build_targets-}; } >"$log" 2>&1; then
		grep -nE 'FAILED|error|warning|ERROR' "$log" | head -n 40 >&2
		tail -n 30 "$log" >&2
		rm -f "$log"
		return 1
	fi
	rm -f "$log"
}

# A line "warning: ..." where this machine is not what the numbers need.
is_debian12() {
	# shellcheck disable=SC1091
	(. /etc/os-release 2>/dev/null && [ "${ID-}" = debian ] && [ "${VERSION_ID-}" = 12 ])
}
