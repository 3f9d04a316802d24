#!/bin/sh
# package.sh PLUGIN DIR - make DIR the loose package of a plugin of this repository, from what "make build" made: the
# program and what comes along with it, its README, our licence, and the licences of all that is linked into it.
set -eu

if [ $# -ne 2 ]; then
    echo "usage: package.sh PLUGIN DIR" >&2
    exit 2
fi
plugin=$1
dir=$2
go=${GO:-go}

rm -rf "$dir"
mkdir -p "$dir/licences"
cp -R "build/plugins/$plugin/." "$dir"
cp "plugins/$plugin/README.md" LICENSE "$dir"

# A llama-server that is a link to the machine's own stays where it is: it would not run elsewhere.
if [ -L "$dir/libs/llamacpp/bin/llama-server" ]; then
    rm -rf "$dir/libs"
    echo "package.sh: $plugin without llama-server, which is the one of this machine" >&2
fi

# texts FROM TO: the licences at the top of a module.
texts() {
    mkdir -p "$2"
    find "$1" -maxdepth 1 -type f | grep -Ei '/(licen[cs]e|copying|notice|patents)[^/]*$' | while read -r f; do cp "$f" "$2/"; done
    rmdir "$2" 2>/dev/null && { echo "package.sh: no licence in $1" >&2; exit 1; }
    chmod -R u+w "$2"
}

texts "$($go env GOROOT)" "$dir/licences/go"
$go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}' "./plugins/$plugin" | sort -u | while read -r path from; do
    texts "$from" "$dir/licences/$path"
done
