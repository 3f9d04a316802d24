package sdk_test

import (
	"slices"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

func TestNear(t *testing.T) {
	names := []string{"gpt-4o", "gpt-4o-mini", "gpt-4.1", "o3", "text-embedding-3-small", "text-embedding-3-large", "whisper-1"}
	for name, want := range map[string][]string{
		"GPT-4o-mni": {"gpt-4o-mini", "gpt-4o", "gpt-4.1"}, "4o-mini": {"gpt-4o-mini"}, "embedding-3-small": {"text-embedding-3-small", "text-embedding-3-large"},
		"claude": nil, "": nil, "o": nil, "ö": nil,
	} {
		if got := sdk.Near(name, names); !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := sdk.Near("x", nil); got != nil {
		t.Error(got)
	}
}

func TestHasWords(t *testing.T) {
	for words, want := range map[string]bool{"": true, "GPT mini": true, "mini 4o": true, "gpt-5": false, "gpt nano": false} {
		if got := sdk.HasWords("gpt-4o-Mini by OpenAI", words); got != want {
			t.Errorf("%q: %t", words, got)
		}
	}
}
