package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
)

func newEdit(c *config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "edit MODEL",
		Short: "Change a model's file in your editor",
		Long: `Open a model's file in $VISUAL, else $EDITOR, in its canonical form. When you save
and leave, it is checked, and only what you changed is sent to the server; keys that
are not shown stay. With a fault in it, or when somebody else changed the same
values meanwhile, the editor opens again and says so. An edit that you give up is
kept in a file that is named.`,
		Example: `  enginebay edit tiny-guide
  EDITOR='code --wait' enginebay edit tiny-guide`,
		Args:              oneModel,
		ValidArgsFunction: completeModels(c),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		// Ctrl-C belongs to the editor.
		return newEdition(context.WithoutCancel(cmd.Context()), c.client(), args[0]).run(cmd)
	}
	return cmd
}

// errNothingChanged ends an edition that leaves the model as it is.
var errNothingChanged = errors.New("nothing was changed")

// edition is one edit of one model.
type edition struct {
	ctx    context.Context
	client client
	id     string
	file   string         // what the editor opens; it stays when the edit fails
	base   map[string]any // the model when the edition began
	seen   map[string]any // as the person was last told
}

func newEdition(ctx context.Context, client client, id string) *edition {
	return &edition{ctx: ctx, client: client, id: id}
}

func (e *edition) run(cmd *cobra.Command) error {
	if err := haveEditor(); err != nil {
		return err
	}
	text, err := e.begin()
	if err != nil {
		return err
	}
	err = e.loop(text)
	switch {
	case err == errNothingChanged:
		fmt.Fprintln(cmd.OutOrStdout(), err)
	case err != nil && e.untouched(text):
		return errors.Join(err, os.RemoveAll(filepath.Dir(e.file)))
	case err != nil:
		return fmt.Errorf("%w\n%s is as it was; your edit is kept in %s", err, e.id, e.file)
	default:
		e.told(cmd)
	}
	return os.RemoveAll(filepath.Dir(e.file))
}

// untouched says whether the editor left its first text as it was.
func (e *edition) untouched(text string) bool {
	now, err := os.ReadFile(e.file)
	return err == nil && withoutHead(string(now)) == text
}

// begin gets the model and the file for the editor.
func (e *edition) begin() (text string, err error) {
	if err := e.fixed(); err != nil {
		return "", err
	}
	if text, e.base, err = e.fetch(); err != nil {
		return "", err
	}
	e.seen = e.base
	dir, err := os.MkdirTemp("", "enginebay-edit")
	e.file = filepath.Join(dir, strings.ReplaceAll(e.id, "/", "-")+".json")
	return text, err
}

// fixed is why the server changes nothing of the model, before anybody has written
// something: it refuses even a change of nothing.
func (e *edition) fixed() error {
	var m model
	err := e.client.get(e.ctx, modelPath(e.id), &m)
	if err == nil && m.ReadOnly {
		_, err = e.client.call(e.ctx, http.MethodPatch, modelPath(e.id), map[string]any{})
	}
	return err
}

// loop opens the editor until the edit can be stored.
func (e *edition) loop(text string) error {
	var problems error
	for {
		opened := e.head(problems) + text
		edited, err := openEditor(e.file, opened)
		switch {
		case err != nil:
			return err
		case edited == opened && problems != nil: // given up
			return problems
		case edited == opened || strings.TrimSpace(edited) == "":
			return errNothingChanged
		}
		text = withoutHead(edited)
		if problems = e.store(text); problems == nil || problems == errNothingChanged {
			return problems
		}
	}
}

// store sends what was changed. The error is for the person to mend.
func (e *edition) store(text string) error {
	doc, err := schemas.Parse("", []byte(text))
	if err != nil {
		return err
	}
	patch := difference(e.base, doc.Value)
	if len(patch) == 0 {
		return errNothingChanged
	}
	if _, _, err := store.ReadManifest(doc); err != nil {
		return err
	}
	if err := e.conflict(patch); err != nil {
		return err
	}
	_, err = e.client.call(e.ctx, http.MethodPatch, modelPath(e.id), patch)
	return err
}

// conflict says what somebody else changed of that which is about to be changed.
func (e *edition) conflict(patch map[string]any) error {
	text, now, err := e.fetch()
	if err != nil {
		return err
	}
	both := overlap(difference(e.seen, now), patch, "")
	e.seen = now
	if len(both) == 0 {
		return nil
	}
	slices.Sort(both)
	return fmt.Errorf("meanwhile somebody else changed %s; save again to overwrite that. It is now\n%s", strings.Join(both, ", "), text)
}

// told says what became of it.
func (e *edition) told(cmd *cobra.Command) {
	var m model
	if err := e.client.get(e.ctx, modelPath(e.id), &m); err != nil {
		return // it was stored all the same
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s is changed\n", m.ID)
	for _, warning := range m.Warnings {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning:", warning)
	}
	if m.Running != nil && m.Running.Changed {
		fmt.Fprintf(cmd.ErrOrStderr(), "it runs as it was loaded; to apply the change: enginebay stop %s\n", m.ID)
	}
}

// fetch gets the part of a model that can be changed, as text and as values.
func (e *edition) fetch() (text string, values map[string]any, err error) {
	data, err := e.client.call(e.ctx, http.MethodGet, modelPath(e.id), nil)
	if err != nil {
		return "", nil, err
	}
	text = editable(data)
	doc, err := schemas.Parse("", []byte(text))
	if err != nil {
		return "", nil, err
	}
	return text, doc.Value, nil
}

// difference is the merge patch (RFC 7386) that makes one value of another.
func difference(from, to map[string]any) map[string]any {
	patch := map[string]any{}
	for name, value := range to {
		was, there := from[name]
		before, wasObject := was.(map[string]any)
		after, isObject := value.(map[string]any)
		switch {
		case wasObject && isObject:
			if inner := difference(before, after); len(inner) > 0 {
				patch[name] = inner
			}
		case !there || !sameJSON(was, value):
			patch[name] = value
		}
	}
	for name := range maps.Keys(from) {
		if _, there := to[name]; !there {
			patch[name] = nil
		}
	}
	return patch
}

func sameJSON(a, b any) bool { return plainJSON(a) == plainJSON(b) }

// overlap names what two patches both change.
func overlap(a, b map[string]any, above string) []string {
	var both []string
	for name, mine := range a {
		theirs, there := b[name]
		if !there {
			continue
		}
		pointer := above + schemas.Pointer(name)
		x, isObject := mine.(map[string]any)
		y, areObjects := theirs.(map[string]any)
		if isObject && areObjects {
			both = append(both, overlap(x, y, pointer)...)
		} else if !sameJSON(mine, theirs) {
			both = append(both, pointer)
		}
	}
	return both
}
