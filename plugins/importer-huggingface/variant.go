package main

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/enginebay/enginebay/sdk/gguf"
)

// A variant is the weights of one quantization: a file, or all parts of a split
// one in their order.
type variant struct {
	name         string // as in Q4_K_M or UD-Q4_K_XL; of a file without a quantization its stem
	quantization string // empty where the name tells none
	files        []sibling
	missing      string // which part, of one that is not whole
}

func (v variant) path() string { return v.files[0].Path }

func (v variant) size() (size int64) {
	for _, f := range v.files {
		size += f.Size
	}
	return size
}

// preference is the order in which variants are proposed; the core takes the
// first that fits the machine. Four bits come first, as everywhere, because less
// costs quality that one sees and more costs memory for one that one does not;
// then the next larger ones; then what is smaller, for machines where those do not
// fit, 16 bits before the two at which models break down. Last is what llama.cpp
// does not load: types that it has given up, and those of ik_llama.cpp.
var preference = ranks("Q4_K_M Q4_K_XL Q4_K_L Q4_K MXFP4 Q4_K_S IQ4_XS IQ4_NL NVFP4 Q4_1 Q4_0 " +
	"Q5_K_M Q5_K_XL Q5_K_L Q5_K Q5_K_S Q5_1 Q5_0 Q6_K Q6_K_XL Q6_K_L Q6_K_M Q6_K_S Q6_0 Q8_0 Q8_K_XL Q8_1 " +
	"Q3_K_XL Q3_K_L Q3_K_M Q3_K IQ3_M IQ3_S Q3_K_S IQ3_XS IQ3_XXS BF16 F16 " +
	"Q2_K_XL Q2_K_L Q2_K Q2_K_S IQ2_M IQ2_S IQ2_XS IQ2_XXS Q2_0 TQ2_0 IQ1_M IQ1_S TQ1_0 Q1_0 ? F32 " +
	"IQ6_K IQ5_K IQ5_KS IQ4_K IQ4_KS IQ4_KSS IQ4_KT IQ3_K IQ3_KS IQ3_KT IQ2_K IQ2_KS IQ2_KL IQ2_KT Q4_0_4_4 Q4_0_4_8 Q4_0_8_8")

func ranks(names string) map[string]int {
	all := map[string]int{}
	for i, name := range strings.Fields(names) {
		all[name] = i
	}
	all[""] = all["?"] // no name that is known
	return all
}

// byPreference sorts; where a quantization is there twice, the plain one is
// first, then the smaller one.
func byPreference(a, b variant) int {
	return cmp.Or(cmp.Compare(preference[a.quantization], preference[b.quantization]), cmp.Compare(len(a.name), len(b.name)),
		cmp.Compare(a.size(), b.size()), strings.Compare(a.name, b.name))
}

// weights are what a repository has of GGUF files.
type weights struct {
	variants   []variant // by preference
	projectors []sibling // by preference
	incomplete []variant // that are not whole
}

// sortOut tells weights, projectors and importance matrices apart by their names.
func sortOut(files []sibling) (w weights) {
	groups := map[string][]sibling{} // parts by number; one that is missing has no path
	for _, f := range files {
		switch {
		case !strings.EqualFold(path.Ext(f.Path), ".gguf"), matrix(f.Path):
		case gguf.IsMMProj(f.Path):
			w.projectors = append(w.projectors, f)
		default:
			prefix, no, count, ok := gguf.SplitPart(f.Path)
			key := prefix + "/" + strconv.Itoa(count)
			if !ok {
				no, count, key = 1, 1, f.Path
			}
			if groups[key] == nil {
				groups[key] = make([]sibling, count)
			}
			groups[key][no-1] = f
		}
	}
	for _, parts := range groups {
		if v := whole(parts); v.missing == "" {
			w.variants = append(w.variants, v)
		} else {
			w.incomplete = append(w.incomplete, v)
		}
	}
	unique(w.variants)
	slices.SortFunc(w.variants, byPreference)
	slices.SortFunc(w.incomplete, byPreference)
	slices.SortFunc(w.projectors, byProjection)
	return w
}

// whole makes a variant of its parts, and says which is missing.
func whole(parts []sibling) (v variant) {
	for i, part := range parts {
		if part.Path != "" {
			v.files = append(v.files, part)
		} else if v.missing == "" {
			v.missing = "part " + strconv.Itoa(i+1) + " of " + strconv.Itoa(len(parts)) + " is missing"
		}
	}
	prefix := unsplit(v.path())
	v.name, v.quantization = label(prefix), gguf.Quantization(prefix)
	return v
}

// matrix tells by the name whether a file holds the importance matrix that
// quantizations were made with. Models made with one have a quantization beside
// that word.
func matrix(name string) bool {
	return strings.Contains(strings.ToLower(path.Base(name)), "imatrix") && gguf.Quantization(path.Base(name)) == ""
}

// byProjection prefers 16 bits: projectors are small, and suffer from less.
func byProjection(a, b sibling) int {
	rank := func(f sibling) int {
		if i := slices.Index([]string{"F16", "BF16", "Q8_0", "F32"}, gguf.Quantization(path.Base(f.Path))); i >= 0 {
			return i
		}
		return 4
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Path, b.Path))
}

// label is what a variant is called by the path of its file, without the ending.
// "UD-", with which Unsloth marks its own mixtures, keeps those apart from the
// plain ones.
func label(prefix string) string {
	quantization := gguf.Quantization(prefix)
	switch {
	case quantization == "":
		return stem(prefix)
	case strings.Contains("_"+normal(prefix)+"_", "_UD_"+quantization+"_"):
		return "UD-" + quantization
	}
	return quantization
}

// unique gives variants that are called the same the names of their files, and of
// their folders where that is not enough: each becomes a model file.
func unique(all []variant) {
	slices.SortFunc(all, func(a, b variant) int { return strings.Compare(a.path(), b.path()) })
	for _, longer := range []func(string) string{stem, wholeStem} {
		count := map[string]int{}
		for _, v := range all {
			count[strings.ToLower(v.name)]++
		}
		for i, v := range all {
			if count[strings.ToLower(v.name)] > 1 {
				all[i].name = longer(unsplit(v.path()))
			}
		}
	}
	taken := map[string]bool{}
	for i, v := range all {
		for n := 2; taken[strings.ToLower(all[i].name)]; n++ {
			all[i].name = v.name + "-" + strconv.Itoa(n)
		}
		taken[strings.ToLower(all[i].name)] = true
	}
}

// unsplit is the path of a file without its ending and without its number.
func unsplit(name string) string {
	if prefix, _, _, ok := gguf.SplitPart(name); ok {
		return prefix
	}
	return strings.TrimSuffix(name, path.Ext(name))
}

var (
	unfit    = regexp.MustCompile(`[^A-Za-z0-9._-]+`)
	reserved = regexp.MustCompile(`(?i)^(model|config|tokenizer|vocab|params|modules)$`) // whose .json is something else
)

// stem is the name of a file as that of a model file.
func stem(prefix string) string { return fit(path.Base(prefix)) }

// wholeStem is stem with the folders before it.
func wholeStem(prefix string) string { return fit(strings.ReplaceAll(prefix, "/", "-")) }

func fit(name string) string {
	name = strings.Trim(unfit.ReplaceAllString(name, "-"), ".-_")
	name = strings.Trim(name[:min(len(name), 96)], ".-_")
	if name == "" || reserved.MatchString(name) {
		name += "-gguf"
	}
	return strings.TrimPrefix(name, "-")
}

// normal is a text in which only letters and digits count.
func normal(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToUpper(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), "_")
}
