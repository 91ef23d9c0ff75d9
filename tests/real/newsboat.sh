#!/usr/bin/env bash
# Reads a feed with newsboat until the server answers 304, and counts what the reader kept.
#
#   tests/real/newsboat.sh URL COUNT
#
# newsboat sends both validators (If-None-Match, If-Modified-Since) from its third reload on. URL is plain http: the
# reload goes through a proxy that writes the answers down, as newsboat does not say them. Exits 1 with a sentence when
# the 304 never comes, another number of posts is kept, or a program is missing.
set -eu

fail() { printf 'newsboat: %s\n' "$*" >&2; exit 1; }

[ $# = 2 ] || fail "usage: $0 URL COUNT"
url=$1 expected=$2
for program in newsboat sqlite3 python3; do
  command -v "$program" >/dev/null || fail "$program is not on this machine: the Debian package is called $program"
done

folder=$(mktemp -d)
: >"$folder/seen"
proxy=
trap '[ -z "$proxy" ] || kill "$proxy"; rm -rf "$folder"' EXIT
python3 "$(dirname "$0")/eavesdrop.py" "$folder" >"$folder/proxy.log" 2>&1 &
proxy=$!
for _ in $(seq 100); do
  [ ! -e "$folder/port" ] || break
  sleep 0.1
done
[ -e "$folder/port" ] || fail "the proxy did not start: $(cat "$folder/proxy.log")"

# Nothing of the user's own: neither settings nor feeds nor what was read before.
printf '%s\n' "$url" >"$folder/urls"
printf 'use-proxy yes\nproxy-type http\nproxy "127.0.0.1:%s"\n' "$(cat "$folder/port")" >"$folder/config"
reload() {
  env -u no_proxy -u NO_PROXY HOME="$folder" newsboat --url-file="$folder/urls" --cache-file="$folder/cache.db" \
    --config-file="$folder/config" --execute=reload >"$folder/out" 2>&1 </dev/null ||
    fail "could not reload $url: $(tail -n 3 "$folder/out")"
}

for _ in 1 2 3 4; do
  reload
  ! tail -n 1 "$folder/seen" | grep -q '^304 ' || break
done
[ "$(tail -n 1 "$folder/seen")" = '304 If-None-Match If-Modified-Since' ] ||
  fail "no 304 from $url to a request with both validators; the answers: $(paste -sd ';' "$folder/seen")"

kept=$(sqlite3 "$folder/cache.db" 'SELECT count(*) FROM rss_item')
[ "$kept" = "$expected" ] || fail "$kept posts kept of $url instead of $expected"
bare=$(sqlite3 "$folder/cache.db" "SELECT count(*) FROM rss_item WHERE title = '' OR url = '' OR pubDate = 0")
[ "$bare" = 0 ] || fail "$bare posts of $url have no title, address or date"
