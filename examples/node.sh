#!/bin/sh
# node.sh EXAMPLE DIR - make DIR the folder of a plugin in JavaScript: the files of an example, and its npm packages.
#
# The packages are fetched where they are not there yet, and the folder is made under another name and renamed at the
# end: several may do this at the same time, and an interrupted run leaves DIR as it was.
set -eu

if [ $# -ne 2 ]; then
    echo "usage: node.sh EXAMPLE DIR" >&2
    exit 2
fi
command -v npm >/dev/null || { echo "node.sh: npm is not installed: install Node.js 20 or later" >&2; exit 1; }
example=$1
dir=$2

# complete FOLDER: it has the packages of the example's lock file.
complete() { cmp -s "$example/libs/package-lock.json" "$1/libs/node_modules/installed"; }

# fill FOLDER: with the files of the example that are not in it yet, each in one rename.
fill() {
    mkdir -p "$1/bin" "$1/libs"
    (cd "$example" && ls -d bin/* libs/*.* plugin.json README.md) | while read -r f; do
        cmp -s "$example/$f" "$1/$f" && continue
        cp "$example/$f" "$1/$f.$$" && mv -f "$1/$f.$$" "$1/$f"
    done
}

if ! complete "$dir"; then
    mkdir -p "$(dirname "$dir")"
    new=$(mktemp -d "$dir.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    fill "$new"
    (cd "$new/libs" && npm ci --silent --omit=dev --ignore-scripts --no-bin-links --no-audit --no-fund)
    cp "$example/libs/package-lock.json" "$new/libs/node_modules/installed"
    chmod 755 "$new"
    rm -rf "$dir"
    node -e 'fs.renameSync(process.argv[1], process.argv[2])' "$new" "$dir" 2>/dev/null || complete "$dir" # or another was here first
fi
fill "$dir"
