package system

import (
	"debug/elf"
	"io"
	"io/fs"
	"strconv"
	"strings"
)

// Glibc is the version of the machine's GNU C library, as "2.36": the newest whose
// programs it runs. It is empty where there is none, as on other systems and with
// musl.
func Glibc() string { return here.Glibc() }

// libc is where distributions have the library: by Debian's names, and by those of
// the others.
var libc = []string{"lib/*-linux-gnu*/libc.so.6", "usr/lib/*-linux-gnu*/libc.so.6", "lib64/libc.so.6", "usr/lib64/libc.so.6", "lib/libc.so.6", "usr/lib/libc.so.6"}

// Glibc is [Glibc] of a machine. The library is read and not run; of several, such as
// for 32 bits, the first that says its version counts.
func (m *machine) Glibc() string {
	for _, pattern := range libc {
		files, _ := fs.Glob(m.root, pattern)
		for _, file := range files {
			if version := m.glibc(file); version != "" {
				return version
			}
		}
	}
	return ""
}

// glibc is the newest version of symbols that a library defines.
func (m *machine) glibc(file string) string {
	f, err := m.root.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	r, ok := f.(io.ReaderAt)
	if !ok {
		return ""
	}
	library, err := elf.NewFile(r)
	if err != nil {
		return ""
	}
	versions, err := library.DynamicVersions()
	if err != nil {
		return ""
	}
	best, name := -1, ""
	for _, v := range versions {
		if version, ok := strings.CutPrefix(v.Name, "GLIBC_"); ok && number(version) > best {
			best, name = number(version), version
		}
	}
	return name
}

// number makes versions of the GNU C library comparable; "PRIVATE" is none.
func number(version string) int {
	value := 0
	parts := strings.Split(version, ".")
	for i := range 3 {
		n := 0
		if i < len(parts) {
			var err error
			if n, err = strconv.Atoi(parts[i]); err != nil {
				return -1
			}
		}
		value = value*1000 + n
	}
	return value
}
