#!/bin/sh
# Makes .venv where there is none, and installs the named files of packages where they have changed since.
#
#   sh devtools/venv.sh requirements.txt tests/requirements.txt tests/browser/package-lock.json
#
# A package-lock.json is installed into the folder of its name in .venv/npm, by the npm that tests/requirements.txt has
# brought.
# PYTHON chooses the interpreter that a new .venv is made with (python3 by default), VENV another folder than .venv.
set -eu

PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}
. "$(dirname "$0")/no_network.sh"
# Without a home of its own pip would complain about its cache at every file.
if [ ! -w "${HOME:-/nowhere}" ]; then
    export PIP_NO_CACHE_DIR=1
    export npm_config_cache="$PWD/$VENV/npm/cache"
fi

# What is installed, in one word: the file's contents and the interpreter they were installed for.
fingerprint() {
    { cat "$1" && readlink -f "$VENV/bin/python"; } | cksum | tr ' ' -
}

install_with_pip() {
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r "$1"
}

install_with_npm() {
    folder=$VENV/npm/$(dirname "$1")
    mkdir -p "$folder"
    cp "$1" "$(dirname "$1")/package.json" "$folder"
    # From inside: through a .venv that is a link npm would not know its own folder.
    (cd "$folder" && "$OLDPWD/$VENV/bin/npm" ci --loglevel=error --ignore-scripts --no-audit --no-fund \
        --no-update-notifier >/dev/null)
}

# Says how much is to come: what is quiet for half a minute looks as if it hung.
announce() {
    case $1 in
        *package-lock.json) echo "installing $(grep -c '"node_modules/' "$1") packages of $1" ;;
        *)
            packages=$(grep -c '^[A-Za-z0-9].*==' "$1")
            [ "$packages" -gt 60 ] && takes="about a minute" || takes="about half a minute"
            echo "installing $packages packages of $1: $takes"
            ;;
    esac
}

# Runs what installs, shows what it says, and says in one line where no server could be reached.
install_file() {
    said=$(mktemp)
    status=0
    # The hashes are checked, so whatever answers for the registry cannot slip in something else.
    case $1 in
        *package-lock.json) install_with_npm "$1" 2>"$said" || status=$? ;;
        *) install_with_pip "$1" 2>"$said" || status=$? ;;
    esac
    cat "$said" >&2
    log=$(cat "$said")
    rm -f "$said"
    [ "$status" = 0 ] && return
    if is_no_network "$log"; then
        echo "no network: the packages of $1 cannot be reached; connect this machine, or name a mirror (PIP_INDEX_URL," \
            "npm_config_registry), and run the same command again" >&2
    fi
    exit "$status"
}

# A .venv is of no use when its interpreter is gone, or when its making was cut short.
if ! "$VENV/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "making $VENV"
    "$PYTHON" -m venv --clear "$VENV"
fi

# A virtual environment here means development. The service itself never guesses that.
if [ ! -e .env ]; then
    echo "making .env with DEBUG=true (see .env.example)"
    echo "DEBUG=true" >.env
fi

for file in "$@"; do
    stamp=$VENV/installed-$(echo "$file" | tr / -)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint "$file")" ]; then
        continue
    fi
    if ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
        "$PYTHON" -m venv --clear "$VENV"
        exec sh "$0" "$@"
    fi
    announce "$file"
    rm -f "$stamp"
    install_file "$file"
    fingerprint "$file" >"$stamp"
done
