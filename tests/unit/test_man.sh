#!/bin/bash
# SPDX-License-Identifier: MIT
# The man pages are clean, every option that --help shows is in its page, and
# every option of a page is one that a program of the page has.
# Arguments: the folder of the pages, the folder of the programs.
set -uo pipefail
pages=$1 programs=$2
failures=0

fail() {
	echo "FAIL $*"
	failures=$((failures + 1))
}

command -v mandoc >/dev/null || {
	echo "mandoc is not installed"
	exit 77
}

for page in "$pages"/*.[1-8]; do
	lint=$(mandoc -Tlint -W warning "$page" 2>&1) || fail "$lint"
done

# text: of the page on stdin
text() { mandoc -Tascii | sed 's/.\x08//g' | tr -s ' \n\t' ' '; }
# shown PAGE: its text
shown() { text <"$pages/$1"; }

# options: those that are words of the text on stdin, with their dashes
options() { grep -oE -- '(^|[^a-z-])--[a-z][a-z-]*' | grep -oE -- '--.*' | sort -u; }

declare -A known # what the programs of a page have

# covers PAGE COMMAND...: each option, with its dashes, is a word of the page
covers() {
	local page=$1 text option n=0
	shift
	text=$(shown "$page")
	for option in $("$@" --help | options); do
		n=$((n + 1))
		known[$page]+=" $option "
		# "--json" may stand as "-j, --json", "[--json]" or "--wait=SECONDS"
		[[ $text =~ (^|[ \[])"$option"($|[] =,.;:|]) ]] || fail "$page: no $option of $*"
	done
	[ $n -gt 0 ] || fail "$* --help shows no option"
}

verbs=$("$programs/tandem" --help | sed -nE 's/^  ([a-z][a-z-]*( [a-z]+)?)  .*/\1/p')
[ "$(wc -l <<<"$verbs")" -ge 17 ] || fail "verbs not found: $verbs"
page=$(shown tandem.1)
while read -r verb; do
	[[ $page == *"$verb"* ]] || fail "tandem.1: no $verb"
	[ "$verb" = image ] && continue
	# shellcheck disable=SC2086
	covers tandem.1 "$programs/tandem" $verb
done <<<"$verbs"
covers tandem.1 "$programs/tandem"
covers tandem-hvd.8 "$programs/tandem-hvd"
covers tandem-blkback.8 "$programs/tandem-blkback"
covers tandem-netfront.8 "$programs/tandem-netfront"
covers tandem-netback.8 "$programs/tandem-netback"
covers tandem-vm.8 "$programs/tandem-vm"
for verb in create convert info check commit; do
	covers tandem-image.1 "$programs/tandem" image $verb
done

# Nor does a page promise more: what stands in a command line of an example is an
# option of that program, the rest one of the page's own.
known_to() {
	local page=$1 where=$2 option
	for option in $(options); do
		[[ ${known[$page]} == *" $option "* ]] || fail "$where: $option is no option"
	done
}

[ ${#known[@]} -eq 7 ] || fail "options of ${#known[@]} pages known"
known[tandem-image.1]+=" --help  --usage " # of argp's, which the page names
for page in "${!known[@]}"; do
	known_to "$page" "$page" < <(grep -vE '^tandem-[a-z]+ ' "$pages/$page" | text)
	known_to "$page" "examples of ${page%.*}" < <(grep -hE "^${page%.*} " "$pages"/*)
done

# Every key of the disk syntax is in tandem-disk(5).
page=$(shown tandem-disk.5)
keys=$(sed -nE 's/^\t\{ "([a-z_-]+)", .*/\1/p' "$pages/../../tools/disk_keys.c")
[ "$(wc -w <<<"$keys")" -ge 19 ] || fail "keys not found: $keys"
for key in $keys; do
	[[ $page =~ (^|[ ])"$key"($|[ =,;]) ]] || fail "tandem-disk.5: no $key"
done

# Every key of the vif syntax is in tandem-network(5).
page=$(shown tandem-network.5)
keys=$(sed -nE 's/^\t(STRING|NUMBER|BOOL|OTHER|NOT_SUPPORTED)\(([a-z]+).*/\2/p' \
	"$pages/../../tools/vif_spec.c")
[ "$(wc -w <<<"$keys")" -ge 20 ] || fail "keys not found: $keys"
for key in $keys; do
	[[ $page =~ (^|[ ])"$key"($|[ =,;]) ]] || fail "tandem-network.5: no $key"
done

# Every key of a PC is in tandem-pc(5).
page=$(shown tandem-pc.5)
keys=$(sed -nE 's/^\t+\{ "([a-z0-9_]+)", .*/\1/p' "$pages/../../tools/create_pc.c")
[ "$(wc -w <<<"$keys")" -ge 40 ] || fail "keys not found: $keys"
for key in $keys; do
	[[ $page =~ (^|[ ])"$key"($|[ =,;.]) ]] || fail "tandem-pc.5: no $key"
done

echo "$failures failed"
exit $((failures > 0))
