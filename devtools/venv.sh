#!/bin/sh
# Makes .venv where there is none, and installs the named requirements files where they have changed since.
#
#   sh devtools/venv.sh requirements.txt tests/requirements.txt
#
# PYTHON chooses the interpreter that a new .venv is made with (python3 by default).
set -eu

PYTHON=${PYTHON:-python3}
VENV=.venv
# Without a home of its own pip would complain about its cache at every file.
if [ ! -w "${HOME:-/nowhere}" ]; then
    export PIP_NO_CACHE_DIR=1
fi

# What is installed, in one word: the file's contents and the interpreter they were installed for.
fingerprint() {
    { cat "$1" && readlink -f "$VENV/bin/python"; } | cksum | tr ' ' -
}

# A .venv is of no use when its interpreter is gone, or when its making was cut short.
if ! "$VENV/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "making $VENV"
    "$PYTHON" -m venv --clear "$VENV"
fi

# Whoever makes a virtual environment here develops here. The service itself never guesses that.
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
    echo "installing $file"
    # The hashes are checked, so whatever answers for the registry cannot slip in something else.
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r "$file"
    fingerprint "$file" >"$stamp"
done
