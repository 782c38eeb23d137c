#!/bin/sh
# Fetches a MySQL server and unpacks it into var/mysql, where devtools/mysql.py finds it; this machine is not changed.
#
# Debian's stable releases have none: it comes from Debian's unstable one, from the server that this machine has its
# packages from, with all that it needs, the C library included. Needs apt, no root. Says nothing when it is there.
set -eu

FOLDER=var/mysql
PACKAGE=mysql-server-core
SERVER=$FOLDER/root/usr/sbin/mysqld
[ ! -x "$SERVER" ] || exit 0

. "${0%/*}/no_network.sh"

fail() {
    echo "$1" >&2
    exit 1
}

command -v apt-get >/dev/null || fail "apt-get not found: MySQL is fetched from Debian's unstable release; set TEST_DATABASE_URL to one of your own"

# A line of the old form or a paragraph of the new one; the first that names Debian itself.
server=$(sed -n -e 's/^URIs: *\([^ ]*\/debian\)\/* *$/\1/p' -e 's/^deb \(\[[^]]*\] \)*\([^ ]*\/debian\)\/* .*/\2/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null | head -n 1)
[ -n "$server" ] || fail "no server of Debian's packages is named in /etc/apt: set TEST_DATABASE_URL to a MySQL of your own"

here=$(pwd)/$FOLDER
rm -rf "$here"
mkdir -p "$here/lists/partial" "$here/cache/archives/partial" "$here/root"
# As if nothing were installed: all that the server needs is fetched, in the versions that it needs.
: >"$here/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $server unstable main" >"$here/sources.list"

fetch() {
    apt-get --quiet=2 -o "Dir::State=$here" -o "Dir::State::status=$here/status" -o "Dir::Cache=$here/cache" \
        -o "Dir::Etc::sourcelist=$here/sources.list" -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User= \
        -o Acquire::Languages=none -o Debug::NoLocking=true "$@"
}

echo "fetching $PACKAGE of Debian's unstable release into $FOLDER, about 60 MB"
log=$( (fetch update && fetch install --yes --no-install-recommends --download-only "$PACKAGE") 2>&1 >/dev/null) || {
    printf '%s\n' "$log" >&2
    if is_no_network "$log"; then
        echo "no network: Debian's packages cannot be reached; connect this machine and run the same command again" >&2
    fi
    exit 1
}
for package in "$here"/cache/archives/*.deb; do
    dpkg-deb --extract "$package" "$here/root"
done
rm -rf "$here/cache" "$here/lists"
