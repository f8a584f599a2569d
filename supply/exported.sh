#!/bin/sh
# supply/exported.sh IMAGE FOLDER: of an image that the Docker daemon has, what `python -m supply.image` and
# tests/supply/test_image.py look at. Root, so that the files keep their owners.
set -eu
mkdir -p "$2/root"
made=$(docker create "$1")
docker export "$made" | sudo tar -x -C "$2/root"
docker inspect --format '{{json .Config}}' "$1" > "$2/config.json"
docker rm "$made" >/dev/null
