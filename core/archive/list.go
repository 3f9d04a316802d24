package archive

// listName is the file of an archive that tells of the others. It is hidden so
// that a store does not take it for a model file.
const listName = ".enginebay.json"

const (
	listFormat  = "enginebay.model"
	listVersion = 1
)

// A list is the content of that file.
type list struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	ID      string `json:"id"`
	Files   []sum  `json:"files"`
}

// A sum is one file of the list.
type sum struct {
	Name   string `json:"name"` // below the model's folder
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}
