package sdktest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// shortest is the length from which on a secret is looked for: shorter ones stand in
// any text by chance.
const shortest = 6

// keepsSecrets: what Configure hands over in confidence stands in no log, no error, no
// answer, and in no command line, which every user of the machine can read.
func (w *work) keepsSecrets(t T) {
	t.Run("its own", func(t T) {
		if len(w.secrets) == 0 {
			t.Skipf("the case has no secrets")
		}
		w.keeps(t, w.secrets)
	})
	t.Run("a wrong one", func(t T) {
		m, _, err := w.readManifest()
		if err != nil {
			t.Fatalf("plugin.json: %v", err)
		}
		secrets := map[string]string{"api_key": "", "token": ""}
		for name := range w.secrets {
			secrets[name] = ""
		}
		for name := range m.Secrets {
			secrets[name] = ""
		}
		for name := range secrets {
			secrets[name] = "canary-" + strings.ToLower(rand.Text())
		}
		w.keeps(t, secrets)
	})
}

// keeps has the plugin do what it does, well and badly, with some secrets.
func (w *work) keeps(t T, secrets map[string]string) {
	h := w.start(t)
	var looked []string
	for _, value := range secrets {
		if len(value) >= shortest {
			looked = append(looked, value)
		}
	}
	h.log.lookFor(looked)
	var said confidences
	said.error("the error of Configure", h.configure(t, w.settings, secrets))
	w.tell(t, h, &said)
	said = append(said, confidence{"the log", strings.Join(h.log.told(), "\n")})
	for name, value := range secrets {
		for _, c := range said {
			if len(value) >= shortest && strings.Contains(c.text, value) {
				t.Errorf("the secret %s stands in %s: %s", name, c.where, cut(strings.ReplaceAll(c.text, value, "<SECRET>"), 300))
			}
		}
	}
}

// A confidence is a text in which no secret may stand.
type confidence struct{ where, text string }

type confidences []confidence

func (c *confidences) error(where string, err error) {
	if err == nil {
		return
	}
	text := err.Error()
	var coded *sdk.Error
	if errors.As(err, &coded) {
		text = fmt.Sprint(coded.Message, " ", coded.Cause)
	}
	*c = append(*c, confidence{where, text})
}

// commands are the command lines of the plugin's processes.
func (c *confidences) commands(h *host, before remains) {
	for _, child := range before.newer(h.look().children) {
		*c = append(*c, confidence{"the command line of " + child.String(), child.command()})
	}
	if h.plugin != nil {
		*c = append(*c, confidence{"the plugin's command line", command(h.plugin.Pid())})
	}
}

// tell has the engine inspect, load, answer and refuse, with whatever secrets it has.
func (e *engine) tell(t T, h *host, said *confidences) {
	before := h.look()
	_, err := h.Inspect(t.Context(), e.request(t, h, nil))
	said.error("the error of Inspect", err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	for _, further := range []json.RawMessage{nil, e.BadSettings} {
		inst, err := h.Load(ctx, e.request(t, h, further), nil)
		said.error("the error of Load", err)
		if err != nil {
			continue
		}
		said.commands(h, before)
		op := anyOperation(inst.Endpoint())
		for _, body := range [][]byte{e.body(t, op, e.Model.ID, false), []byte(`{"model":`)} {
			if resp, err := post(ctx, inst.Endpoint(), op, body); err == nil {
				text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
				resp.Body.Close()
				*said = append(*said, confidence{"an answer", fmt.Sprint(string(text), resp.Header)})
			}
		}
		_ = closeIn(inst, patience)
	}
}

// tell has the importer resolve what is there and what is not.
func (i *importer) tell(t T, h *host, said *confidences) {
	before := h.look()
	for _, ref := range []sdk.Ref{i.Ref, i.Missing, i.Bad} {
		if ref == "" {
			continue
		}
		plans, err := h.Resolve(t.Context(), ref)
		said.error("the error of Resolve", err)
		if text, err := json.Marshal(plans); err == nil {
			*said = append(*said, confidence{"a plan", string(text)})
		}
	}
	said.commands(h, before)
	if h.can(t, sdk.CapabilitySearch) && i.Words != "" {
		_, err := h.Search(t.Context(), i.Words, 1)
		said.error("the error of Search", err)
	}
}
