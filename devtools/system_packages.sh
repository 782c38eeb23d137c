#!/bin/sh
# Installs the Debian or Ubuntu packages that the project needs and the machine lacks.
#
#   sh devtools/system_packages.sh run     what `make run` needs: a compiler, headers, the MariaDB client library
#   sh devtools/system_packages.sh test    that, a MariaDB server, a Redis, a haproxy, and a Chromium
#   sh devtools/system_packages.sh postgres  what `make test-postgres` needs beside `test`
#   sh devtools/system_packages.sh image   what `make image` needs
#   sh devtools/system_packages.sh cluster  what `python -m tests.cluster.campaign` needs beside `test`
#   sh devtools/system_packages.sh backup  what `python -m tests.campaigns backup` needs beside `test`
#
# Says nothing when all is there. Without root and without passwordless sudo it installs nothing: it names the
# packages in one line and exits 1. PYTHON chooses the interpreter that is looked at (python3 by default).
set -eu

PURPOSE=${1:-}
PYTHON=${PYTHON:-python3}
. "${0%/*}/no_network.sh"
# Servers are kept where an ordinary user's PATH does not look.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

has() {
    command -v "$1" >/dev/null 2>&1
}

starts() {
    "$1" --version >/dev/null 2>&1
}

fail() {
    echo "$1" >&2
    exit 1
}

# Prints the packages that the interpreter lacks; fails with the reason where no package can help.
python_packages() {
    "$PYTHON" - <<'PROGRAM'
import os, sys, sysconfig

version = "%d.%d" % sys.version_info[:2]
if sys.version_info < (3, 11):
    sys.exit("Python 3.11 or newer is needed; %s is %s: choose another with PYTHON=python3.12" % (sys.executable, version))
missing = []
if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
    missing.append("python%s-dev" % version)
try:
    import ensurepip, venv
except ImportError:
    missing.append("python%s-venv" % version)
if missing and not sys.base_prefix == "/usr":
    sys.exit("%s lacks its C headers or the venv module: choose another with PYTHON=/usr/bin/python3" % sys.executable)
print(*missing)
PROGRAM
}

# The package sets up a server of its own as well, for this machine alone, on port 5432.
postgresql() {
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || has initdb || echo postgresql
}

missing_packages() {
    case $PURPOSE in
        image)
            has buildah || echo buildah
            has debootstrap || echo debootstrap
            has ip || echo iproute2
            return
            ;;
        backup)
            has mariadb-dump || echo mariadb-client
            return
            ;;
        cluster)
            # mariadb-server, which fills a node from another, sets up a server of its own as well, for this machine alone.
            has wsrep_sst_mariabackup || echo mariadb-server
            has mariadb-backup || echo mariadb-backup
            [ -e /usr/lib/galera/libgalera_smm.so ] || echo galera-4
            has socat || echo socat
            has ip || echo iproute2
            has etcd || echo etcd-server
            postgresql
            return
            ;;
        postgres)
            postgresql
            return
            ;;
    esac
    has gcc || echo gcc
    echo '#include <stdio.h>' | gcc -E - >/dev/null 2>&1 || echo libc6-dev
    has pkg-config || echo pkg-config
    pkg-config --exists libmariadb 2>/dev/null || pkg-config --exists mariadb 2>/dev/null || echo libmariadb-dev
    if [ "$PURPOSE" = test ]; then
        has mariadbd && has mariadb-install-db || echo mariadb-server-core
        has my_print_defaults || echo mariadb-client-core
        # Debian's redis-server is this program under another name; see devtools/redis.py.
        has redis-server || has redis-check-rdb || echo redis-tools
        # The service that the package sets up listens nowhere.
        has haproxy || echo haproxy
        # It brings a font. Ubuntu's chromium-browser may be a stub that only says where the snap is.
        starts chromium || starts google-chrome || starts chromium-browser || echo chromium
    fi
}

# As root, or by the sudo that is put in front.
install_packages() {
    # A second source that is down need not matter: whether the packages can be had, the install will tell.
    "$@" apt-get -qq update || true
    # --no-remove: better to stop than to take a MySQL server off a developer's machine.
    # The lock: a new Ubuntu machine updates itself in its first minutes.
    # shellcheck disable=SC2086  # a list of names
    "$@" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y \
        --no-install-recommends --no-remove $missing
}

case $PURPOSE in
    run | test | postgres | image | backup | cluster) ;;
    *) fail "usage: sh devtools/system_packages.sh run|test|postgres|image|backup|cluster" ;;
esac
has "$PYTHON" || fail "$PYTHON not found: install Python 3.11 or newer, or choose one with PYTHON=..."

python_missing=$(python_packages) || exit 1
# shellcheck disable=SC2046,SC2086,SC2116  # one name a line becomes a list in one line
missing=$(echo $python_missing $(missing_packages))
[ -n "$missing" ] || exit 0

advice="missing system packages: $missing; install them with: sudo apt-get install -y --no-install-recommends $missing"
case " $missing " in
    *" chromium "*) advice="$advice (chromium on Ubuntu: sudo snap install chromium)" ;;
esac
if ! has apt-get; then
    fail "missing system packages: $missing (Debian's names; there is no apt-get here to install them with)"
elif [ "$(id -u)" = 0 ]; then
    sudo=
elif has sudo && sudo -n true 2>/dev/null; then
    sudo="sudo -n"
else
    fail "$advice"
fi

echo "installing system packages: $missing"
# shellcheck disable=SC2086  # empty, or two words
if ! log=$(install_packages $sudo 2>&1 </dev/null); then
    printf '%s\n' "$log" >&2
    if is_no_network "$log"; then
        echo "no network: apt-get reaches no package source" >&2
    fi
    fail "$advice"
fi
