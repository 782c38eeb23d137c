#!/bin/sh
# Runs promtool, which checks the alert rules: `sh devtools/promtool.sh check rules deploy/alerts.yml`.
#
# Where there is none, it is taken out of Debian's or Ubuntu's package `prometheus` and put into .venv/bin. The package
# is not installed: it would start a server. Where that cannot be had, this says so and exits 1: no rule goes unchecked.
set -eu

OWN=.venv/bin/promtool

fetch() {
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    chmod 755 "$folder"
    # Run as root, apt downloads as the user _apt.
    [ "$(id -u)" != 0 ] || chown _apt "$folder" 2>/dev/null || true
    (cd "$folder" && apt-get -qq download prometheus >/dev/null 2>&1) || {
        # A machine that has never installed anything knows no packages yet.
        [ "$(id -u)" = 0 ] && apt-get -qq update >/dev/null 2>&1 || true
        (cd "$folder" && apt-get -qq download prometheus)
    }
    dpkg-deb --fsys-tarfile "$folder"/prometheus_*.deb | tar -x -C "$folder" ./usr/bin/promtool
    mkdir -p "$(dirname "$OWN")"
    mv "$folder/usr/bin/promtool" "$OWN"
}

if command -v promtool >/dev/null 2>&1; then
    exec promtool "$@"
fi
if [ ! -x "$OWN" ]; then
    log=$(fetch 2>&1) || {
        printf '%s\n' "$log" >&2
        echo "promtool is missing, and Debian's package prometheus cannot be had: put promtool on the PATH" >&2
        exit 1
    }
fi
exec "$OWN" "$@"
