package sdk

import (
	"regexp"
	"strings"
)

// types are what the names of models say surely; the first that matches counts.
var types = []struct {
	is   string
	name *regexp.Regexp
}{
	{"rerank", regexp.MustCompile(`rerank`)},
	{"embedding", regexp.MustCompile(`embed|^(bge|e5|gte)-`)},
	{"moderation", regexp.MustCompile(`moderation`)},
	{"image", regexp.MustCompile(`^dall-e|(^|-)image(-|$)|^flux|^stable-diffusion`)},
	{"video", regexp.MustCompile(`^sora`)},
	{"audio", regexp.MustCompile(`^whisper|(^|-)(tts|transcribe|realtime)(-|$)|^distil-whisper`)},
	{"completion", regexp.MustCompile(`^(babbage|davinci)-002|^gpt-3\.?5-turbo-instruct`)},
	{"chat", regexp.MustCompile(`^(chat)?gpt-(3|4|5|oss)|^o[1-9](-|$)|^claude-|^gemini-\d|^command-|-(chat|instruct|it)(-|:|$)`)},
}

// ModelType is what a model of a service is for, as its name there says: the "type" in a
// manifest's Metadata, which is "chat", "embedding", "rerank", "moderation", "image",
// "video", "audio" or "completion". It is empty where the name does not say. A
// fine-tuned model does what its base does.
func ModelType(name string) string {
	name = strings.ToLower(strings.TrimPrefix(name, "ft:"))
	name = name[strings.LastIndexByte(name, '/')+1:]
	for _, t := range types {
		if t.name.MatchString(name) {
			return t.is
		}
	}
	return ""
}
