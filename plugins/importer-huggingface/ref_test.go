package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

func TestParse(t *testing.T) {
	endpoint, err := url.Parse("https://mirror.example.com:8443/hub")
	if err != nil {
		t.Fatal(err)
	}
	repo := target{owner: "TheBloke", name: "zephyr-7B-beta-GGUF"}
	with := func(rev, choice string) target { return target{repo.owner, repo.name, rev, choice} }
	const file = "zephyr-7b-beta.Q4_K_M.gguf"
	for ref, want := range map[sdk.Ref]target{
		"hf://TheBloke/zephyr-7B-beta-GGUF":                                                                 repo,
		" HF://TheBloke/zephyr-7B-beta-GGUF/ ":                                                              repo,
		"huggingface://TheBloke/zephyr-7B-beta-GGUF":                                                        repo,
		"huggingface/TheBloke/zephyr-7B-beta-GGUF":                                                          repo,
		"hf.co/TheBloke/zephyr-7B-beta-GGUF":                                                                repo,
		"huggingface.co/TheBloke/zephyr-7B-beta-GGUF":                                                       repo,
		"hf://models/TheBloke/zephyr-7B-beta-GGUF":                                                          repo,
		"jan://models/huggingface/TheBloke/zephyr-7B-beta-GGUF":                                             repo,
		"https://huggingface.co/TheBloke/zephyr-7B-beta-GGUF":                                               repo,
		"http://www.huggingface.co/TheBloke/zephyr-7B-beta-GGUF/":                                           repo,
		"https://hf.co/TheBloke/zephyr-7B-beta-GGUF":                                                        repo,
		"https://huggingface.co/TheBloke/zephyr-7B-beta-GGUF.git":                                           repo,
		"https://huggingface.co/TheBloke/zephyr-7B-beta-GGUF?library=llama#a":                               repo,
		"https://huggingface.co/TheBloke/zephyr-7B-beta-GGUF/tree":                                          repo,
		"https://huggingface.co/TheBloke/zephyr-7B-beta-GGUF/discussions/3":                                 repo,
		"https://mirror.example.com:8443/hub/TheBloke/zephyr-7B-beta-GGUF":                                  repo,
		"https://huggingface.co/TheBloke/zephyr-7B-beta-GGUF/tree/main":                                     with("main", ""),
		"https://huggingface.co/TheBloke/zephyr-7B-beta-GGUF/tree/v1.0/BF16":                                with("v1.0", "BF16"),
		"https://huggingface.co/TheBloke/zephyr-7B-beta-GGUF/commits/e4f":                                   with("e4f", ""),
		"https://huggingface.co/TheBloke/zephyr-7B-beta-GGUF/tree/refs%2Fpr%2F1":                            with("refs/pr/1", ""),
		"https://huggingface.co/TheBloke/zephyr-7B-beta-GGUF/blob/refs/pr/1/a":                              with("refs/pr/1", "a"),
		"https://huggingface.co/TheBloke/zephyr-7B-beta-GGUF/blob/main/" + file:                             with("main", file),
		"https://huggingface.co/TheBloke/zephyr-7B-beta-GGUF/resolve/main/a%20b/" + file + "?download=true": with("main", "a b/"+file),
		"https://huggingface.co/TheBloke/zephyr-7B-beta-GGUF?show_file_info=" + file:                        with("", file),
		"https://hf.co/TheBloke/zephyr-7B-beta-GGUF:Q5_K_M":                                                 with("", "Q5_K_M"),
		"hf://TheBloke/zephyr-7B-beta-GGUF:q5_k_m":                                                          with("", "q5_k_m"),
		"hf://TheBloke/zephyr-7B-beta-GGUF:BF16/" + file:                                                    with("", "BF16/"+file),
		"hf://TheBloke/zephyr-7B-beta-GGUF@v1.0":                                                            with("v1.0", ""),
		"hf://TheBloke/zephyr-7B-beta-GGUF@v1.0:Q5_K_M":                                                     with("v1.0", "Q5_K_M"),
		"hf://TheBloke/zephyr-7B-beta-GGUF@v1.0/BF16/" + file:                                               with("v1.0", "BF16/"+file),
		"hf://TheBloke/zephyr-7B-beta-GGUF@refs/pr/1/" + file:                                               with("refs/pr/1", file),
		"hf://TheBloke/zephyr-7B-beta-GGUF@refs%2Fpr%2F1":                                                   with("refs/pr/1", ""),
		"hf://TheBloke/zephyr-7B-beta-GGUF@refs/pr/1:Q5_K_M":                                                with("refs/pr/1", "Q5_K_M"),
		"hf://TheBloke/zephyr-7B-beta-GGUF/" + file:                                                         with("", file),
		"hf://TheBloke/zephyr-7B-beta-GGUF/blob/main/" + file:                                               with("main", file),
		"huggingface/TheBloke":                                                                              {owner: "TheBloke"},
		"hf://TheBloke":                                                                                     {owner: "TheBloke"},
	} {
		t.Run(string(ref), func(t *testing.T) {
			if got, err := parse(ref, endpoint); err != nil || got != want {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	endpoint, err := url.Parse(publicHub)
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []sdk.Ref{
		"", "hf://", "hf:///", "hf:a/b", "a/b", "/a/b", "huggingface", "ftp://huggingface.co/a/b", "ollama://a",
		"hf://a/..", "hf://../b", "hf://a/b/../c.gguf", "hf://a/b//c.gguf", "hf://a/b/./c.gguf", `hf://a/b\c`, "hf://a/b:../c", "hf://a/b@../main", "hf://a/b@",
		"hf://a/b@main/../c", "hf://a/b@a..b", "hf://a/b\nc", "hf://a/b\x1b[31m", "hf://a/b\u202ec", "hf://a/\xff", "hf://a b/c", "hf://-a/b", "hf://a/b?c", "hf://a/b#c",
		"https://huggingface.co/a/%2e%2e", "https://huggingface.co/a/b/blob/main/%2e%2e/c", "https://huggingface.co/a/b/blob/main/..%2Fc", "https://huggingface.co/a/b%00c",
		"https://huggingface.co/a/b/blob/main/c%0Ad", "https://huggingface.co/a/b?show_file_info=../c", "https://huggingface.co/%zz",
		"https://huggingface.co:8443/a/b", "https://huggingface.co.example.com/a/b", "https://example.com/a/b", "https://a@huggingface.co/a/b", "https://huggingface.co@example.com/a/b",
		"https://127.0.0.1/a/b", "https://huggingface.co", "https://huggingface.co/datasets/a/b", "https://huggingface.co/spaces/a/b", "hf://datasets/a/b",
		"jan://local/a", "jan://models/a/b", sdk.Ref("hf://a/" + strings.Repeat("b", 97)), sdk.Ref("hf://a/b/" + strings.Repeat("c", 3000)),
	} {
		t.Run(string(ref), func(t *testing.T) {
			got, err := parse(ref, endpoint)
			if sdk.CodeOf(err) != sdk.CodeInvalid {
				t.Fatalf("got %+v, %v", got, err)
			}
			if text := err.Error(); !strings.Contains(text, "hf://TheBloke/zephyr-7B-beta-GGUF") || len(text) > 800 || strings.ContainsAny(text, "\n\x1b\u202e") {
				t.Errorf("not a good sentence: %q", text)
			}
		})
	}
}
