#!/bin/sh
# supply/image.sh [FOLDER]: the Dockerfile's steps on a machine without a Docker daemon. Afterwards FOLDER (out/image) has
# root/ (what a container sees), config.json (how it is started) and image.tar (to be pushed or loaded).
#   BASE          the base image; without it one is made of Debian's packages, as for machines that reach no registry
#   REQUIREMENTS  base (default), dask or full
#   SUITE         which Debian, where no BASE is given (bookworm)
# Exit code 3: this machine lacks what it takes, and the last line says what.
set -eu
out=${1:-out/image}
here=$(dirname "$0")
lacking() { echo "make image: $1" >&2; exit 3; }

[ "$(id -u)" = 0 ] || lacking "only root may build without a daemon"
command -v buildah >/dev/null || lacking "needs buildah (apt-get install buildah)"
mkdir -p "$out"
store=$(realpath "$out")/store
images() { buildah --storage-driver vfs --root "$store" --runroot "$store/run" "$@"; }

if [ -z "${BASE:-}" ]; then
  command -v mmdebstrap >/dev/null || lacking "needs mmdebstrap (apt-get install mmdebstrap), or a base image in BASE"
  # As slim images are: no pages of manuals, no translations.
  [ -f "$out/debian.tar" ] || mmdebstrap --quiet --variant=minbase \
    --include=ca-certificates,python-is-python3,python3,python3-venv \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/etc/resolv.conf' \
    "${SUITE:-bookworm}" "$out/debian.tar"
  BASE=localhost/debian-python
  if ! images inspect --type image "$BASE" >/dev/null 2>&1; then
    from=$(images from scratch)
    images add -q "$from" "$out/debian.tar" / >/dev/null
    images commit -q --rm "$from" "$BASE" >/dev/null
  fi
fi
# How pip reaches its index from here is this machine's affair: its file and its certificates are lent to the build.
set -- --volume /etc/ssl/certs:/etc/ssl/certs:ro
[ ! -f /etc/pip.conf ] || set -- "$@" --secret id=pip,src=/etc/pip.conf
images bud --quiet --isolation chroot --build-arg BASE="$BASE" --build-arg REQUIREMENTS="${REQUIREMENTS:-base}" \
  "$@" --tag localhost/ahpa "$here/.." >/dev/null

images inspect --type image localhost/ahpa \
  | python3 -c 'import json, sys; json.dump(json.load(sys.stdin)["OCIv1"]["config"], sys.stdout)' > "$out/config.json"
rm -f "$out/image.tar"
images push -q localhost/ahpa "oci-archive:$out/image.tar"
built=$(images from localhost/ahpa)
rm -rf "$out/root"
cp -a "$(images mount "$built")" "$out/root"
images rm "$built" >/dev/null
