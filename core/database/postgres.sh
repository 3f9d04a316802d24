#!/bin/sh
# postgres.sh DIR - put PostgreSQL's initdb and postgres at DIR/bin, for the tests.
#
#   1. They work already: nothing to do.
#   2. The machine has them, on the PATH or where Debian puts them: links to these.
#   3. A machine with apt: its own postgresql, with what that needs, unpacked into DIR alone. Nothing is installed,
#      no root is needed. About 60 MB.
#   4. Anything else: say what to install, and end with status 1.
set -u
me=postgres.sh
[ $# -eq 1 ] && [ -n "$1" ] || { echo "usage: $me DIR" >&2; exit 2; }
mkdir -p "$1/bin" && dir=$(cd "$1" && pwd) || exit 1

# works DIR: it has both, and they run.
works() { "$1/postgres" --version >/dev/null 2>&1 && "$1/initdb" --version >/dev/null 2>&1; }

say() { echo "$me: $dir/bin/postgres $1 ($("$dir/bin/postgres" --version))"; exit 0; }

tell() {
    [ ! -s "$dir/log" ] || tail -n 5 "$dir/log" | sed 's/^/  /' >&2
    cat >&2 <<END
$me: no PostgreSQL here for the tests, and none can be fetched: $1
Install one, then run this again:
  Debian, Ubuntu:  apt install postgresql
  Fedora:          dnf install postgresql-server
  macOS:           brew install postgresql
END
    exit 1
}

! works "$dir/bin" || say "works already"

for bin in $(command -v initdb | sed 's,/initdb$,,') /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
    if works "$bin"; then
        ln -sf "$bin/initdb" "$bin/postgres" "$dir/bin/" || exit 1
        say "-> $bin/postgres"
    fi
done

for tool in apt-get apt-cache dpkg dpkg-deb; do
    command -v $tool >/dev/null 2>&1 || tell "there is no $tool on this machine"
done
rm -rf "$dir/root" "$dir/apt"
mkdir -p "$dir/root" "$dir/apt/lists/partial" "$dir/apt/archives/partial" || exit 1
: >"$dir/log"
apt() {
    tool=$1; shift
    LC_ALL=C "$tool" -qq -o Dir::State::lists="$dir/apt/lists" -o Dir::State::extended_states="$dir/apt/extended_states" \
        -o Dir::Cache="$dir/apt" -o Dir::Cache::archives="$dir/apt/archives" -o Debug::NoLocking=true \
        -o APT::Sandbox::User=root -o APT::Install-Recommends=false -o Acquire::Retries=2 "$@" </dev/null 2>>"$dir/log"
}
apt apt-get update >>"$dir/log" || tell "apt cannot read its lists"
package=$(apt apt-cache depends postgresql | sed -n 's/.*Depends: *\(postgresql-[0-9][0-9]*\)$/\1/p' | head -n 1)
[ -n "$package" ] || tell "apt knows no postgresql"
apt apt-get -y --download-only install "$package" >>"$dir/log" || tell "apt cannot fetch $package"
for deb in "$dir"/apt/archives/*.deb; do
    dpkg-deb -x "$deb" "$dir/root" 2>>"$dir/log" || tell "cannot unpack ${deb##*/}"
done
# They find their other files beside them, and the libraries that the machine lacks here.
libs=$dir/root/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")
for tool in initdb postgres; do
    cat >"$dir/bin/$tool" <<END
#!/bin/sh
LD_LIBRARY_PATH='$libs' exec '$dir/root/usr/lib/postgresql/${package#postgresql-}/bin/$tool' "\$@"
END
    chmod 755 "$dir/bin/$tool" || exit 1
done
works "$dir/bin" || tell "what was unpacked does not run: $("$dir/bin/postgres" --version 2>&1)"
rm -rf "$dir/apt" "$dir/log"
say "is $package of this machine's apt"
