#!/bin/sh
# llamacpp.sh [--vulkan] DIR - put a working llama-server at DIR/bin/llama-server.
#
# With --vulkan it is one that computes on GPUs by Vulkan, with Mesa's drivers for them, and one of those drivers is the
# processor itself (lavapipe); the steps 1 and 2 then count for one that has that only. About 90 MB more to fetch.
#
#   1. DIR/bin/llama-server works already: nothing to do.
#   2. $LLAMA_SERVER, or a llama-server on the PATH: DIR/bin/llama-server becomes a link to it.
#   3. A Debian machine: take it from Debian's sid, from the mirror this machine's own apt uses, into DIR alone.
#      Nothing is installed, the system's libraries stay as they are, no root is needed. About 15 s and 110 MB.
#   4. Anything else: say what to install, and end with status 1.
#
# DIR is made under another name and renamed at the end: an interrupted run leaves DIR as it was.
set -u

suite=sid
package=llama.cpp-tools
me=llamacpp.sh

say() { printf '%s: %s\n' "$me" "$*"; }
die() { printf '%s: %s\n' "$me" "$*" >&2; exit 1; }

vulkan=
if [ "${1:-}" = --vulkan ]; then vulkan=1; shift; fi
if [ $# -ne 1 ] || [ -z "$1" ]; then
    echo "usage: $me [--vulkan] DIR" >&2
    exit 2
fi
case $1 in
    -*) echo "usage: $me [--vulkan] DIR" >&2; exit 2 ;;
    /*) dir=$1 ;;
    *)  dir=$(pwd)/$1 ;;
esac
while [ "${dir%/}" != "$dir" ]; do dir=${dir%/}; done
[ -n "$dir" ] || die "DIR cannot be the root folder"
case $dir in
    *:* | *\;*) die "DIR must not hold ':' or ';' (the loader's library path is split there): $dir" ;;
    *\"* | *'
'*) die "DIR must not hold a quote or a line break" ;;
esac
case ${dir##*/} in
    . | ..) die "DIR must end in a name: $dir" ;;
esac
server=$dir/bin/llama-server

# works FILE: it is an executable whose --version succeeds, and has what is wanted.
works() {
    [ -f "$1" ] && [ -x "$1" ] && "$1" --version </dev/null >/dev/null 2>&1 || return 1
    [ -z "$vulkan" ] || "$1" -lv 4 --list-devices </dev/null 2>&1 | grep -Eq 'loaded Vulkan backend|^ +Vulkan[0-9]'
}

# build FILE: the build that its --version names.
build() { "$1" --version </dev/null 2>&1 | sed -n 's/^version: *//p' | head -n 1; }

# link FILE: DIR/bin/llama-server becomes a link to FILE, in one rename.
link() {
    mkdir -p "$dir/bin" || exit 1
    [ ! -d "$server" ] || die "$server is a folder"
    ln -s "$1" "$server.$$" && mv -f "$server.$$" "$server" || die "cannot write $server"
    rm -f "$dir/VERSION"
    say "$server -> $1 ($(build "$1"))"
    exit 0
}

tell() {
    cat >&2 <<END
$me: no llama-server here, and none can be fetched: $1
Install one, then run this again:
  macOS, or Linux with Homebrew:  brew install llama.cpp
  Windows:                        winget install llama.cpp
  Debian testing or newer:        apt install llama.cpp
or name one that you have:        LLAMA_SERVER=/path/to/llama-server $me DIR
END
    exit 1
}

# 1. here already?
if works "$server"; then
    say "$server works already ($(build "$server"))"
    exit 0
fi

# 2. one that the machine has
if [ -n "${LLAMA_SERVER:-}" ]; then
    found=$(command -v "$LLAMA_SERVER" 2>/dev/null) || die "LLAMA_SERVER is not an executable: $LLAMA_SERVER"
    why="LLAMA_SERVER"
else
    found=$(command -v llama-server 2>/dev/null) || found=
    why="the llama-server on the PATH"
fi
if [ -n "$found" ]; then
    case $found in
        /*) ;;
        *) found=$(cd "$(dirname "$found")" && pwd)/$(basename "$found") ;;
    esac
    if [ "$found" != "$server" ] && works "$found"; then link "$found"; fi
    fails="'$found --version' fails${vulkan:+, or it has no Vulkan backend}"
    [ -z "${LLAMA_SERVER:-}" ] || die "LLAMA_SERVER will not do: $fails"
    say "leaving out $why: $fails" >&2
fi

# 3. from Debian
for tool in apt-get dpkg awk sed; do
    command -v $tool >/dev/null 2>&1 || tell "there is no $tool on this machine"
done
distro=$(. /etc/os-release 2>/dev/null && echo "${ID:-} ${ID_LIKE:-}") || distro=
case " $distro " in
    *" ubuntu "*) tell "this is an Ubuntu, whose mirrors do not carry Debian's $suite" ;;
    *" debian "*) ;;
    *) tell "this is not a Debian" ;;
esac
arch=$(dpkg --print-architecture) || tell "dpkg names no architecture"
case $arch in
    amd64) triple=x86_64-linux-gnu;  loader=ld-linux-x86-64.so.2 ;;
    arm64) triple=aarch64-linux-gnu; loader=ld-linux-aarch64.so.1 ;;
    *) tell "no recipe for the architecture $arch" ;;
esac

# sources: the apt entries that may be the Debian archive, one "URI<TAB>KEY" a line, the likeliest first. KEY is
# a file or fingerprints, "-" where the entry names none, "@FILE" where the key stands in the entry itself: FILE
# then holds it as the entry did.
# An entry counts where it is for binary packages, has the component main, and its suite is a release and not an
# addition to one ("bookworm-updates", "bookworm/updates"). That it is Debian's is checked later, by its signature
# and by the Origin in its Release file.
sources() {
    etc=${LLAMACPP_APT_ETC:-/etc/apt} # another folder for tests
    {
        for f in "$etc"/sources.list.d/*.sources; do
            [ -r "$f" ] && awk -v keydir="$work" -v file="$f" '
                function flush(    i, n, u, ok, w, m, k) {
                    if (seen && on && (" " types " ") ~ / deb / && (" " comps " ") ~ / main /) {
                        ok = 0; n = split(suites, w, " ")
                        for (i = 1; i <= n; i++) if (w[i] !~ /[-\/]/) ok = 1
                        m = split(uris, u, " ")
                        if (inline != "") {
                            k = keydir "/key" (++keys) "-" keybase ".asc"
                            printf "%s", inline > k; close(k); k = "@" k
                        } else k = (key == "" ? "-" : key)
                        if (ok) for (i = 1; i <= m; i++) print u[i] "\t" k
                    }
                    seen = 0; on = 1; types = suites = comps = uris = key = inline = field = ""
                }
                BEGIN { keybase = file; gsub(/[^A-Za-z0-9]/, "_", keybase); on = 1; flush() }
                { sub(/\r$/, "") }
                /^#/ { next }
                /^[ \t]*$/ { flush(); next }
                {
                    seen = 1
                    if ($0 ~ /^[ \t]/) { v = $0; sub(/^[ \t]/, "", v) }
                    else { field = tolower($0); sub(/[ \t]*:.*/, "", field); v = $0; sub(/^[^:]*:[ \t]*/, "", v) }
                    sub(/[ \t]+$/, "", v); gsub(/\t/, " ", v)
                    if (field == "types") types = types " " v
                    else if (field == "uris") uris = uris " " v
                    else if (field == "suites") suites = suites " " v
                    else if (field == "components") comps = comps " " v
                    else if (field == "enabled") on = (tolower(v) !~ /^(no|false|without|off|disable|0)$/)
                    else if (field == "signed-by") {
                        if (inline != "" || v ~ /BEGIN PGP/) inline = inline " " (v == "" ? "." : v) "\n"
                        else if (v != "") key = key (key == "" ? "" : ",") v
                    }
                }
                END { flush() }' "$f"
        done
        for f in "$etc/sources.list" "$etc"/sources.list.d/*.list; do
            [ -r "$f" ] && awk '
                { sub(/\r$/, ""); sub(/#.*/, "") }
                $1 == "deb" {
                    line = $0; key = "-"; sub(/^[ \t]*deb[ \t]+/, "", line)
                    if (line ~ /^\[/) {
                        opts = line; sub(/\].*/, "", opts); sub(/^\[/, "", opts); sub(/^[^]]*\][ \t]*/, "", line)
                        n = split(opts, o, /[ \t]+/)
                        for (i = 1; i <= n; i++) if (tolower(o[i]) ~ /^signed-by=/) { key = o[i]; sub(/^[^=]*=/, "", key) }
                    }
                    n = split(line, w, /[ \t]+/)
                    if (w[1] ~ /^cdrom:/ || w[2] ~ /[-\/]/) next
                    for (i = 3; i <= n; i++) if (w[i] == "main") { print w[1] "\t" key; next }
                }' "$f"
        done
    } | awk -F '\t' '
        # signed by the Debian archive key first, then those of a path that ends in "debian", then the others
        NF == 2 && !had[$1]++ {
            rank = ($2 ~ /debian-archive/) ? 1 : ($1 ~ /\/debian\/?$/) ? 2 : 3
            print rank "\t" NR "\t" $0
        }' | sort -n -k1,1 -k2,2 | cut -f3-
}

# aptget ARGS: apt-get with the private root, in $work/apt. The machine's own settings (its proxy) are kept; its
# hooks, pins, default release and other architectures are not.
aptget() {
    LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -qq -c "$work/apt.conf" "$@" </dev/null >>"$log" 2>&1
}

fail() {
    {
        echo "$me: $1"
        [ ! -s "$log" ] || { echo "The last lines of its log:"; tail -n 20 "$log" | sed 's/^/  /'; }
        echo "A llama-server that you have will do as well: LLAMA_SERVER=/path/to/llama-server $me DIR"
    } >&2
    exit 1
}

# An old DIR may go only where it holds nothing but what this script makes.
if [ -e "$dir" ] || [ -L "$dir" ]; then
    [ -d "$dir" ] || die "$dir is there and is not a folder"
    if ls -A "$dir" | grep -Evqx 'bin|root|VERSION' ||
        { [ -d "$dir/bin" ] && ls -A "$dir/bin" | grep -Evqx 'llama-server(\.[0-9]+)?'; } ||
        { [ -d "$dir/root" ] && [ ! -d "$dir/root/usr" ]; }; then
        die "$dir is there and holds other things: move it away, or name another folder"
    fi
fi
mkdir -p "$(dirname "$dir")" || exit 1

# What a killed run left behind.
for old in "$dir".tmp.* "$dir".old.*; do
    pid=${old##*.}
    case $pid in '' | *[!0-9]*) continue ;; esac
    [ -d "$old" ] && [ ! -d "/proc/$pid" ] && rm -rf "$old"
done

stage=$dir.tmp.$$
work=$stage/work
log=$work/log
trap 'rm -rf "$stage"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
umask 022
mkdir "$stage" || exit 1
mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" || exit 1
: >"$log"
: >"$work/apt/status"
cat >"$work/apt.conf" <<END
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
#clear APT::Default-Release;
#clear APT::Architectures;
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "root";
APT::Get::List-Cleanup "false";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::AllowInsecureRepositories "false";
Dir::Etc::sourcelist "$work/apt/debian.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$work/apt";
Dir::State::lists "$work/apt/lists";
Dir::State::status "$work/apt/status";
Dir::State::extended_states "$work/apt/extended_states";
Dir::Cache "$work/apt/cache";
Dir::Cache::archives "$work/apt/cache/archives";
END

sources >"$work/sources"
[ -s "$work/sources" ] || tell "this machine's apt names no Debian archive"

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
ok=
tab=$(printf '\t')
while IFS=$tab read -r uri key; do
    if [ "$key" = - ]; then
        if [ -r $keyring ]; then key=$keyring; else key=; fi
    fi
    {
        printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: %s\n' "$uri" "$suite" "$arch"
        case $key in
            '') ;;
            @*) echo "Signed-By:"; cat "${key#@}" ;;
            *) echo "Signed-By: $key" ;;
        esac
    } >"$work/apt/debian.sources"
    for try in 1 2; do
        rm -f "$work"/apt/lists/*Release*
        # apt-get update says "some index files failed" with status 0: what it fetched is what counts.
        if aptget update &&
            grep -hsq '^Origin: *Debian *$' "$work"/apt/lists/*Release &&
            LC_ALL=C apt-cache -c "$work/apt.conf" show $package >/dev/null 2>&1; then
            ok=1
            break 2
        fi
        [ $try = 2 ] || sleep 2
    done
done <"$work/sources"
[ -n "$ok" ] || fail "cannot read the package list of Debian's $suite from this machine's mirror"

ok=
for try in 1 2 3; do
    if aptget -y --download-only install $package ${vulkan:+libggml0-backend-vulkan mesa-vulkan-drivers}; then ok=1; break; fi
    [ $try = 3 ] || sleep 2
done
[ -n "$ok" ] || fail "cannot fetch $package and what it needs"

version=
for deb in "$work"/apt/cache/archives/${package}_*.deb; do
    [ -f "$deb" ] || fail "apt-get fetched no $package"
    version=$(dpkg-deb -f "$deb" Version) || fail "cannot read ${deb##*/}"
done

# unpack SKIP: the packages without those whose names match the pattern SKIP, and the launcher.
unpack() {
    rm -rf "$stage/root" "$stage/bin"
    mkdir "$stage/root" "$stage/bin" || exit 1
    for deb in "$work"/apt/cache/archives/*.deb; do
        name=${deb##*/}
        if printf '%s\n' "${name%%_*}" | grep -Eq "$1"; then continue; fi
        dpkg -x "$deb" "$stage/root" >>"$log" 2>&1 || fail "cannot unpack $name"
    done
    (cd "$stage/root" && rm -rf etc var usr/lib64 usr/sbin usr/libexec usr/share/man usr/share/locale usr/share/i18n)

    # ggml looks for its CPU backends beside the running executable, which is the loader.
    [ -x "$stage/$lib/$loader" ] || fail "no loader $loader in the packages"
    n=0
    for so in "$stage/$lib"/ggml/backends*/*.so; do
        [ -f "$so" ] || continue
        mv "$so" "$stage/$lib/" || fail "cannot move ${so##*/}"
        n=$((n + 1))
    done
    [ $n -gt 0 ] || fail "no CPU backend in the packages"

    # Where the machine has no Vulkan driver of its own, Mesa's from the packages are used.
    drivers=
    [ -z "$vulkan" ] || drivers='own=${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}
for f in /etc/vulkan/icd.d/*.json /usr/share/vulkan/icd.d/*.json /usr/local/share/vulkan/icd.d/*.json; do [ ! -e "$f" ] || own=$f; done
[ -n "$own" ] || export VK_DRIVER_FILES="$R/root/usr/share/vulkan/icd.d"
'
    cat >"$stage/bin/llama-server" <<END
#!/bin/sh
R=\$(readlink -f -- "\$0") && R=\${R%/*/*} && L=\$R/$lib || exit 1
${drivers}exec "\$L/$loader" --library-path "\$L:\$L/llama" --argv0 llama-server "\$R/root/usr/bin/llama-server" "\$@"
END
    chmod 755 "$stage/bin/llama-server" || exit 1
    "$stage/bin/llama-server" --version </dev/null >>"$log" 2>&1
}

# wget and what it needs is not for llama-server; where a later one needs some of it after all, all is unpacked.
# Mesa's drivers need some of it.
lib=root/usr/lib/$triple
skip='^(wget|debconf|openssl-provider.*|libgnutls.*|libp11-kit.*|libtasn1.*|libhogweed.*|libnettle.*|libgmp.*|libpsl.*|libidn2.*|libunistring.*|libpcre2.*|libffi.*|libuuid.*)$'
[ -z "$vulkan" ] || skip='^(wget|debconf)$'
unpack "$skip" || unpack '^$' || fail "the unpacked llama-server does not run"
works "$stage/bin/llama-server" || fail "the unpacked llama-server has no Vulkan backend"
ran=$(build "$stage/bin/llama-server")
printf '%s\n' "$version" >"$stage/VERSION"
rm -rf "$work"

# The rename. Another run may have been first: its work is as good.
if works "$server"; then
    say "$server works already ($(build "$server"))"
    exit 0
fi
[ ! -e "$dir" ] || mv -T "$dir" "$dir.old.$$" || die "cannot move $dir away"
if ! mv -T "$stage" "$dir"; then
    [ ! -e "$dir.old.$$" ] || mv -T "$dir.old.$$" "$dir"
    die "cannot rename $stage to $dir"
fi
rm -rf "$dir.old.$$"
say "$server is $package $version ($ran)"
