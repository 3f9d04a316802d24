package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/enginebay/enginebay/core/packages"
)

// Address is where the archive of one of the registry's variants is: https://…,
// oci://HOST/REPOSITORY@sha256:…, or the absolute path of a file. In a folder, an
// archive that "plugin mirror" has put there goes before the address in the index.
func (r *Registry) Address(v Variant) (string, error) {
	if f, ok := r.place.(folder); ok {
		file := f.below(MirrorPath(v))
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file, nil
		}
	}
	u, err := url.Parse(v.URL)
	switch {
	case err != nil:
		return "", errors.New("its address cannot be read")
	case u.Scheme == "oci":
		_, err := parseReference(v.URL)
		return v.URL, err
	case u.Scheme == "https" || u.Scheme == "http":
		if u.Host == "" || u.User != nil || u.Fragment != "" {
			return "", errors.New("its address names no host, or a user, or a fragment")
		}
		return v.URL, plainly(u)
	}
	if err := checkBelow(v.URL); err != nil {
		return "", err
	}
	return r.place.below(v.URL), nil
}

// checkBelow refuses paths that are none, or lead out of the index's folder, whether a
// web server or an operating system reads them.
func checkBelow(rel string) error {
	if !fs.ValidPath(rel) || rel == "." || strings.ContainsAny(rel, "\\:?#%\x00") || path.Clean(rel) != rel {
		return fmt.Errorf("its address %.100q is no path below the index's folder", rel)
	}
	return nil
}

// MirrorPath is where a folder may have the archive of a variant whatever address the
// index names: by its hash.
func MirrorPath(v Variant) string { return "mirror/" + v.SHA256 + packages.Extension }
