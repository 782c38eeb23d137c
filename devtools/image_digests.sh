#!/bin/sh
# Tells which images of compose.yaml and the Dockerfile are named by a tag alone: `sh devtools/image_digests.sh [.env]`.
#
# A tag can be moved to another image, a digest cannot. See "Images by digest" in docs/operations.md. Exit 1 if one has none.
set -eu

cd "$(dirname "$0")/.."
FILE=${1:-.env}

loose=0
for name in $(sed -n 's/.*\${\([A-Z]*_IMAGE\):-.*/\1/p' compose.yaml | sort -u); do
    default=$(sed -n "s/.*\${$name:-\([^}]*\)}.*/\1/p" compose.yaml | head -n 1)
    value=$([ ! -f "$FILE" ] || sed -n "s/^$name=//p" "$FILE" | tail -n 1)
    if printf '%s\n' "${value:-$default}" | grep -Eqx '.+@sha256:[0-9a-f]{64}'; then
        continue
    fi
    echo "$name is ${value:-$default}, a tag without a digest"
    loose=1
done
exit $loose
