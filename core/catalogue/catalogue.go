// Package catalogue holds the recommended models: model files without weights,
// which a server puts into its models folder (core/store, Install), where they are
// listed as to_download.
package catalogue

import "embed"

// Models are the model files, models/NAME.json each.
//
//go:embed models/*.json
var Models embed.FS
