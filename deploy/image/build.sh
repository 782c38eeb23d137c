#!/bin/sh
# Builds the image of the Dockerfile on a Debian 12 without a Docker engine, tries it, and throws it away.
#
#   sh deploy/image/build.sh
#   IMAGE_FOLDER=/var/tmp/image sh deploy/image/build.sh    keeps image and base there, and takes the base from there
#
# The real base image is not fetched: another Debian, with the same Python, stands in under its name. It is the first
# release that has this Python: forky, where the real one is made of trixie, which has 3.13. So what this shows of Debian's
# packages is shown of forky's. Packages come from where this machine's own apt and pip take theirs. Needs root, 2 GB and
# three minutes.
set -eu
cd "$(dirname "$0")/../.."

PATH="$PATH:/usr/sbin:/sbin"
RELEASE=forky
IMAGE=flight-bookings
# The machine's package manager settings; the image must not keep them, so they are mounted while it is built.
MOUNTS="--volume /etc/resolv.conf:/etc/resolv.conf:ro"

say() {
    printf '%5s s  %s\n' "$(($(date +%s) - STARTED))" "$1"
}

fail() {
    echo "$1" >&2
    exit 1
}

# Runs a command and shows what it says only if it fails.
quietly() {
    "$@" >"$FOLDER/log" 2>&1 || { tail -n 40 "$FOLDER/log" >&2; fail "failed: $*"; }
}

stored() {
    buildah --root "$FOLDER/storage" --runroot "$FOLDER/run" --storage-driver vfs "$@"
}

clean_up() {
    status=$?
    trap - EXIT INT TERM
    # With a folder the image stays; pip's settings do not.
    rm -f "$FOLDER/pip.conf"
    stored umount --all >/dev/null 2>&1 || true
    stored rm --all >/dev/null 2>&1 || true
    [ -n "${IMAGE_FOLDER:-}" ] || rm -rf "$FOLDER"
    exit "$status"
}

# Prints where Debian's packages are, from a source of this machine's own release.
mirror() {
    # shellcheck disable=SC2016  # names of apt's, not of the shell's
    apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' 'Component: main' |
        awk -v own="$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" '$2 == own { print $1; exit }'
}

# Prints the line of the stand-in's sources.list. A release that is not stable expires after a week, which may be sooner than
# a mirror follows: where this machine's apt does not look at that, the stand-in's does not either.
sources() {
    looks=true
    eval "$(apt-config shell looks Acquire::Check-Valid-Until/b)"
    [ "$looks" = true ] && options= || options=" [check-valid-until=no]"
    echo "deb$options $1 $RELEASE main"
}

# Has pip in the build do what it does here, mounting each file and folder that its configuration names.
mount_pip_configuration() {
    "$PYTHON" - "$FOLDER/pip.conf" >"$FOLDER/pip.mounts" <<'PROGRAM'
import ast, pathlib, subprocess, sys

# Without a pip here there is nothing to hand on.
listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True)
# The environment's word is the last here too, and so wins.
found = dict(sorted((name.rpartition(".")[2], ast.literal_eval(value)) for name, _, value in
    (line.partition("=") for line in listed.stdout.splitlines() if line.startswith(("global.", "install.", ":env:")))))
content = "[global]\n" + "".join("%s = %s\n" % (name, "\n    ".join(value.split())) for name, value in found.items())
pathlib.Path(sys.argv[1]).write_text(content)
for word in " ".join(found.values()).split():
    if word.startswith("file:///"):
        # The pages of an index name files beside it.
        print(pathlib.Path(word.removeprefix("file://")).parent)
    elif word.startswith("/") and pathlib.Path(word).exists():
        print(word)
PROGRAM
    MOUNTS="$MOUNTS --volume $FOLDER/pip.conf:/etc/pip.conf:ro"
    # shellcheck disable=SC2013  # paths without blanks: the configuration has been parted at blanks
    for path in $(sort -u "$FOLDER/pip.mounts"); do
        MOUNTS="$MOUNTS --volume $path:$path:ro"
    done
}

make_base() {
    stored inspect --type image "$BASE" >/dev/null 2>&1 && return
    say "making a stand-in for $BASE"
    mirror=$(mirror)
    [ -n "$mirror" ] || fail "This machine's apt has no source of Debian packages; the stand-in is made from them."
    python=$(echo "$BASE" | sed -n 's/^python:\([0-9]*\.[0-9]*\)-.*/python\1/p')
    rm -rf "$FOLDER/base"
    # The real one has pip, C headers and certificates too. An older debootstrap knows no name of a release to come, and
    # makes each of them as it makes sid.
    quietly debootstrap --variant=minbase --include="$python,$python-dev,$python-venv,python3-pip,ca-certificates" \
        "$RELEASE" "$FOLDER/base" "$mirror" /usr/share/debootstrap/scripts/sid
    sources "$mirror" >"$FOLDER/base/etc/apt/sources.list"
    ln -s "/usr/bin/$python" "$FOLDER/base/usr/local/bin/python"
    container=$(stored from scratch)
    quietly stored add "$container" "$FOLDER/base" /
    quietly stored commit --format docker "$container" "localhost/$BASE"
    stored rm "$container" >/dev/null
    rm -rf "$FOLDER/base"
}

build() {
    say "building the Dockerfile"
    # shellcheck disable=SC2086  # a list of words
    quietly stored build --isolation chroot --pull-never --format docker --layers=false $MOUNTS \
        --tag "localhost/$IMAGE" --file Dockerfile .
}

[ "$(id -u)" = 0 ] || fail "Needs root, for another system's root folder. With an engine: docker build --tag $IMAGE ."
sh devtools/system_packages.sh image
PYTHON=${PYTHON:-python3}
STARTED=$(date +%s)
FOLDER=${IMAGE_FOLDER:-$(mktemp -d /var/tmp/bookings-image-XXXXXX)}
mkdir -p "$FOLDER"
chmod 700 "$FOLDER"
trap clean_up EXIT
trap 'exit 130' INT TERM
BASE=$(sed -n 's/^ARG BASE=//p' Dockerfile)

mount_pip_configuration
make_base
build
say "trying it"
stored inspect --type image "localhost/$IMAGE" >"$FOLDER/image.json"
"$PYTHON" -m deploy.image.try_image "$(stored mount "$(stored from --pull-never "localhost/$IMAGE")")" "$FOLDER/image.json"
say "done$([ -z "${IMAGE_FOLDER:-}" ] || echo "; kept in $FOLDER")"
