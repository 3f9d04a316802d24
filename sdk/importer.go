package sdk

import "context"

// An Importer turns a Ref into Plans. It talks to a catalogue; it never moves
// weights, which the core downloads.
type Importer interface {
	// Resolve returns one plan per variant (quantization) of what ref names,
	// the one that it would choose first. It may run concurrently.
	//
	// Errors: [CodeInvalid] for a ref that it cannot read, [CodeNotFound],
	// [CodeUnauthorized] where a token is missing or does not reach, and
	// [CodeUnavailable] when the catalogue does not answer.
	Resolve(ctx context.Context, ref Ref) ([]Plan, error)
}

// A Searcher finds refs by words.
type Searcher interface {
	// Search returns at most limit hits, the best first. [CodeUnsupported] says that
	// it cannot search as it is set up, such as without an account: a search of all
	// importers then leaves it out.
	Search(ctx context.Context, words string, limit int) ([]Hit, error)
}

// A Ref is what a person types to name a source: hf://owner/repo, https://…,
// azure://…, or a path.
type Ref string

// A Plan is a model about to exist.
type Plan struct {
	Manifest Manifest // its Sources are the core's to write, from Files; a remote model has the Format "api" and an Engine
	Files    []File   // what the core must fetch, the model itself first; none for a remote model
}

// A File is one file of a plan.
type File struct {
	Path   string // relative to the model's folder, with forward slashes
	URL    string // http or https, without credentials: the core adds the token that belongs to its origin
	Size   int64  // bytes; 0 where unknown
	SHA256 string // lower-case hexadecimal; empty where unknown
}

// A Hit is one answer of a search.
type Hit struct {
	Ref         Ref    // that Resolve takes
	Name        string // for people
	Description string // one line for people; may be empty
}
