package core

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/download"
	"github.com/enginebay/enginebay/core/secret"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/core/system"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
	"github.com/enginebay/enginebay/sdk/web"
)

// Downloads are how files are fetched. They may change while the runtime works:
// then they count for what begins from now on.
type Downloads struct {
	Models      int                 // that are fetched at the same time; 0 is 2
	Connections int                 // for one file, at most; 0 is the downloader's own number
	Rate        int64               // bytes a second, all together; 0 is any number
	Reserve     uint64              // bytes of the disk that stay free
	Tokens      map[string]string   // references env:NAME and file:PATH of bearer tokens, by origin
	Mirrors     map[string][]string // further addresses of the same files, by the beginning of their address
	Private     []string            // hosts, addresses and prefixes of private networks that may be asked; "*" is all
	Proxy       string              // address of a proxy; empty is what the environment says
	CA          string              // PEM file of further certificate authorities
}

const defaultModels = 2

// SetDownloads changes how files are fetched. [sdk.CodeInvalid]: with these nothing
// can be; the old ones stay.
func (r *Runtime) SetDownloads(d Downloads) error {
	if err := r.downloader.Set(r.downloadConfig(d)); err != nil {
		return err
	}
	r.downloads.Store(&d)
	r.transfers.allow(d.models())
	return nil
}

func (d Downloads) models() int {
	if d.Models <= 0 {
		return defaultModels
	}
	return d.Models
}

// downloadConfig is what the downloader is told: what the operator says, and the
// tokens and hosts of the importers.
func (r *Runtime) downloadConfig(d Downloads) download.Config {
	c := d.Config(r.log)
	for _, in := range r.importers() {
		c.Web.Private = append(c.Web.Private, in.private()...)
		for origin, token := range in.tokens() {
			if _, there := c.Web.Tokens[origin]; !there { // the operator's word counts
				takeToken(c.Web.Tokens, origin, token, nil, r.log)
			}
		}
	}
	return c
}

// Config is what the operator says of all downloads.
func (d Downloads) Config(log hclog.Logger) download.Config {
	tokens := map[string]string{}
	for origin, ref := range d.Tokens {
		token, err := secret.Resolve(ref)
		takeToken(tokens, strings.TrimSuffix(origin, "/"), token, err, log)
	}
	return download.Config{
		Web:         web.Config{UserAgent: "enginebay", Tokens: tokens, Private: slices.Clone(d.Private), Proxy: d.Proxy, CA: d.CA},
		Connections: d.Connections, Rate: d.Rate, Reserve: d.Reserve, Mirrors: d.Mirrors,
		Free: system.Free, Log: log.Named("download"),
	}
}

// takeToken keeps a token for an origin. One that cannot be read is not sent: what
// comes of that is a clearer error than one about all downloads.
func takeToken(tokens map[string]string, origin, token string, err error, log hclog.Logger) {
	if err == nil && !secret.IsToken(token) {
		err = errors.New("it has characters that no token has; look at where it is kept")
	}
	if err != nil {
		log.Warn("download token not used", "origin", origin, "error", err)
		return
	}
	tokens[origin] = token
}

// Download begins to fetch the files that a model lacks, or joins who does, and
// returns when it has begun. A model that has all is left alone.
//
// Errors: [sdk.CodeNotFound]; [sdk.CodeInvalid] for a model whose file cannot be
// read; [sdk.CodeUnsupported] for one that names no source that can be fetched;
// those of the importer that is asked for a file's size and checksum.
func (r *Runtime) Download(ctx context.Context, id string) (Model, error) {
	m, err := r.store.Model(id)
	if err != nil {
		return Model{}, r.nobody(id, err)
	}
	if m.Ready {
		return r.Model(m.ID)
	}
	t, mine, err := r.transfers.begin(m.ID)
	switch {
	case err != nil:
	case mine:
		err = r.prepare(ctx, t)
	default:
		err = t.joined(ctx)
		if errors.Is(err, errLeft) && ctx.Err() == nil { // not this caller
			return r.Download(ctx, m.ID)
		}
	}
	if err != nil {
		return Model{}, err
	}
	return r.Model(m.ID)
}

// prepare finds out what a download is to fetch, and has it begin. Whoever cancels
// the download, or removes the model, ends that.
func (r *Runtime) prepare(ctx context.Context, t *transfer) error {
	asking, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(t.ctx, func() { stop(context.Cause(t.ctx)) })()
	files, err := r.wanted(asking, t.id)
	switch {
	case context.Cause(t.ctx) == errClosing:
		err = shuttingDown()
	case t.ctx.Err() != nil:
		err = &sdk.Error{Code: sdk.CodeCanceled, Message: "The download of '" + t.id + "' was canceled before it began", Cause: context.Cause(t.ctx)}
	case err != nil && ctx.Err() != nil:
		err = fmt.Errorf("%w: %w", errLeft, err)
	}
	if err != nil || len(files) == 0 {
		r.transfers.abandon(t, err)
		return err
	}
	r.transfers.enqueue(t, files)
	return nil
}

// wanted are the files that a model lacks now; none where it has become ready.
func (r *Runtime) wanted(ctx context.Context, id string) ([]download.File, error) {
	m, err := r.store.Model(id)
	if err != nil || m.Ready {
		return nil, err
	}
	if m, err = r.pinpointed(ctx, m); err != nil {
		return nil, err
	}
	files, err := r.missing(ctx, m)
	if err != nil {
		return nil, err
	}
	return files, r.freshTokens()
}

// freshTokens looks for tokens anew: they may have come, or gone.
func (r *Runtime) freshTokens() error { return r.downloader.Set(r.downloadConfig(*r.downloads.Load())) }

// missing are the files that a model lacks.
func (r *Runtime) missing(ctx context.Context, m *store.Model) ([]download.File, error) {
	targets, err := m.Targets()
	if err != nil {
		return nil, err
	}
	var files []download.File
	for _, target := range targets {
		if target.Whole {
			continue
		}
		source, err := r.located(ctx, target.Source)
		if err != nil {
			return nil, err
		}
		files = append(files, download.File{Path: target.Path, URL: source.URL, Size: source.Size, SHA256: source.SHA256, Check: check(source.Filename)})
	}
	if len(files) == 0 {
		return nil, sdk.Errorf(sdk.CodeUnsupported, "The model '%s' names no source to download: add one to its file, as \"sources\": [{\"url\": \"https://…\"}]", m.ID)
	}
	return files, nil
}

// located is where a source is fetched. An importer that claims its address knows
// better, and knows what the file must be. Of files beside the weights, such as a
// config.json, catalogues have no checksum, and nothing more to say.
func (r *Runtime) located(ctx context.Context, source sdk.Source) (sdk.Source, error) {
	if isWeb(source.URL) && source.Size > 0 && (source.SHA256 != "" || !store.IsWeights(source.Filename)) {
		return source, nil
	}
	in, ok, err := r.importerOf(sdk.Ref(source.URL), "")
	if err != nil {
		return source, err
	}
	if !ok {
		if !isWeb(source.URL) {
			return source, r.unclaimed(sdk.Ref(source.URL))
		}
		return source, nil
	}
	plans, err := r.resolve(ctx, in, sdk.Ref(source.URL))
	if err != nil {
		return source, err
	}
	for _, same := range []func(sdk.File) bool{
		func(f sdk.File) bool { return f.Path == source.Filename },
		func(f sdk.File) bool { return path.Base(f.Path) == path.Base(source.Filename) },
		func(f sdk.File) bool { return path.Base(f.Path) == path.Base(source.URL) },
	} {
		for _, p := range plans {
			if at := slices.IndexFunc(p.Files, same); at >= 0 {
				f := p.Files[at]
				source.URL, source.Size, source.SHA256 = f.URL, f.Size, f.SHA256
				return source, nil
			}
		}
	}
	return source, nil
}

// check looks at a file of weights before it becomes one.
func check(name string) func(file string) error {
	if !strings.EqualFold(filepath.Ext(name), ".gguf") {
		return nil
	}
	return func(file string) error {
		if _, err := gguf.Read(file); err != nil {
			return sdk.Errorf(sdk.CodeInvalid, "%s is no GGUF file that can be used: %v", path.Base(name), err)
		}
		return nil
	}
}

// Cancel ends the download of a model, and returns when it has ended. What came of
// its files is kept, and the next download goes on with it, unless discard is set.
// A model that is not downloaded is left alone.
func (r *Runtime) Cancel(ctx context.Context, id string, discard bool) (Model, error) {
	m, err := r.store.Model(id)
	if err != nil {
		return Model{}, err
	}
	if err := r.transfers.cancel(ctx, m, discard); err != nil {
		return Model{}, err
	}
	return r.Model(m.ID)
}

// Resume goes on with the downloads that an end of the server broke off, but not
// with those that somebody canceled. It returns at once.
func (r *Runtime) Resume(ctx context.Context) {
	r.preloading.Go(func() {
		for _, m := range r.store.Models() {
			if m.Ready || !r.transfers.remember(m) {
				continue
			}
			if _, err := r.Download(ctx, m.ID); err != nil && ctx.Err() == nil && !r.Closed() {
				r.log.Warn("download not resumed", "model", m.ID, "error", err)
			}
		}
	})
}

// explained is an error of a download in the words of the importer whose address
// it was: that knows of licences to accept, and of names that changed.
func (r *Runtime) explained(ctx context.Context, files []download.File, err error) error {
	code := sdk.CodeOf(err)
	if code != sdk.CodeUnauthorized && code != sdk.CodeNotFound {
		return err
	}
	for _, f := range files {
		if in, ok, _ := r.importerOf(sdk.Ref(f.URL), ""); ok {
			if _, better := r.resolve(ctx, in, sdk.Ref(f.URL)); better != nil && sdk.CodeOf(better) == code {
				return better
			}
		}
	}
	return err
}
