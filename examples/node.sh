#!/bin/sh
# node.sh EXAMPLE DIR - make DIR the folder of a plugin in JavaScript: the files of an example, and its npm packages.
#
# The packages are fetched where neither DIR nor a folder beside it has them yet, and the folder is made under another
# name and renamed at the end: several may do this at the same time, and an interrupted run leaves DIR as it was.
set -eu

if [ $# -ne 2 ]; then
    echo "usage: node.sh EXAMPLE DIR" >&2
    exit 2
fi
command -v npm >/dev/null || { echo "node.sh: npm is not installed: install Node.js 20 or later" >&2; exit 1; }
example=$1
dir=$2

# wanted: the example's lock file without the example's own name.
wanted() { sed '1,10{/"name":/d;}' "$example/libs/package-lock.json"; }

# complete FOLDER: it has the packages of the example's lock file.
complete() { wanted | cmp -s - "$1/libs/node_modules/installed"; }

# packages FOLDER: puts them there.
packages() {
    for other in "$(dirname "$dir")"/*; do
        complete "$other" || continue
        cp -R "$other/libs/node_modules" "$1/libs/" && return
    done
    (cd "$1/libs" && npm ci --silent --omit=dev --ignore-scripts --no-bin-links --no-audit --no-fund)
    wanted >"$1/libs/node_modules/installed"
}

# fill FOLDER: with the files of the example that are not in it yet, each in one rename.
fill() {
    mkdir -p "$1/bin" "$1/libs"
    (cd "$example" && ls -d bin/* libs/*.* plugin.json settings.schema.json README.md) | while read -r f; do
        cmp -s "$example/$f" "$1/$f" && continue
        cp "$example/$f" "$1/$f.$$" && mv -f "$1/$f.$$" "$1/$f"
    done
}

mkdir -p "$(dirname "$dir")"
if command -v flock >/dev/null; then # without it, several fetch at the same time
    exec 9>"$(dirname "$dir")/.lock"
    flock 9
fi
if ! complete "$dir"; then
    new=$(mktemp -d "$dir.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    fill "$new"
    packages "$new"
    chmod 755 "$new"
    rm -rf "$dir"
    node -e 'fs.renameSync(process.argv[1], process.argv[2])' "$new" "$dir" 2>/dev/null || complete "$dir" # or another was here first
fi
fill "$dir"
