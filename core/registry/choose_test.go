package registry_test

import (
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/packages"
	"github.com/enginebay/enginebay/core/registry"
	"github.com/enginebay/enginebay/sdk"
)

// needs makes a variant for linux/amd64: accelerator, driver, instructions.
func needs(name, accelerator, driver string, cpu ...string) registry.Variant {
	return registry.Variant{OS: "linux", Arch: "amd64", Variant: name, Requires: packages.Requires{Accelerator: accelerator, Driver: driver, CPU: cpu}}
}

var (
	plain      = needs("", "", "")
	avx512     = needs("avx512", "", "", "avx2", "avx512f")
	avx2       = needs("avx2", "", "", "avx2")
	cuda12     = needs("cuda12", "cuda", ">=525")
	cuda13     = needs("cuda13", "cuda", ">=580")
	vulkan     = needs("vulkan", "vulkan", ">=1.2")
	rocm       = needs("rocm", "rocm", "")
	musl       = registry.Variant{OS: "linux", Arch: "amd64", Variant: "static"}
	gnu        = registry.Variant{OS: "linux", Arch: "amd64", Variant: "gnu", Requires: packages.Requires{Glibc: ">=2.34"}}
	arm        = registry.Variant{OS: "linux", Arch: "arm64"}
	metal      = registry.Variant{OS: "darwin", Arch: "arm64", Requires: packages.Requires{Accelerator: "metal"}}
	everywhere = registry.Variant{Variant: "any"}
)

func machine(glibc string, cpu string, accelerators ...string) registry.Machine {
	m := registry.Machine{OS: "linux", Arch: "amd64", Glibc: glibc, CPU: strings.Fields(cpu), Accelerators: map[string]string{}}
	for _, text := range accelerators {
		kind, driver, _ := strings.Cut(text, " ")
		m.Accelerators[kind] = driver
	}
	return m
}

func TestChoose(t *testing.T) {
	bare := machine("2.36", "sse2")
	for name, test := range map[string]struct {
		machine  registry.Machine
		variants []registry.Variant
		chosen   string
	}{
		"nothing special":              {bare, []registry.Variant{cuda12, avx2, plain, arm}, "linux/amd64/default"},
		"an accelerator that is there": {machine("", "avx2", "cuda 550.54.14"), []registry.Variant{plain, avx2, cuda12}, "linux/amd64/cuda12"},
		"a newer driver":               {machine("", "", "cuda 580.65.06"), []registry.Variant{cuda12, cuda13}, "linux/amd64/cuda13"},
		"a driver with a leading zero": {machine("", "", "cuda 535.183.01"), []registry.Variant{plain, cuda12, cuda13}, "linux/amd64/cuda12"},
		"an older driver":              {machine("", "", "cuda 470.1"), []registry.Variant{cuda12, plain}, "linux/amd64/default"},
		"no known driver":              {machine("", "", "cuda"), []registry.Variant{cuda12, plain}, "linux/amd64/default"},
		"no driver asked for":          {machine("", "", "rocm"), []registry.Variant{rocm, plain}, "linux/amd64/rocm"},
		"the maker's before vulkan":    {machine("", "", "vulkan 1.3.289", "cuda 550"), []registry.Variant{vulkan, cuda12}, "linux/amd64/cuda12"},
		"vulkan before none":           {machine("", "avx2", "vulkan 1.3.289"), []registry.Variant{avx2, vulkan}, "linux/amd64/vulkan"},
		"more instructions":            {machine("", "avx2 avx512f"), []registry.Variant{plain, avx2, avx512}, "linux/amd64/avx512"},
		"fewer instructions":           {machine("", "avx2"), []registry.Variant{avx512, plain, avx2}, "linux/amd64/avx2"},
		"the default":                  {bare, []registry.Variant{musl, gnu, plain, everywhere}, "linux/amd64/default"},
		"by name":                      {bare, []registry.Variant{musl, gnu}, "linux/amd64/gnu"},
		"without glibc":                {machine("", ""), []registry.Variant{gnu, musl}, "linux/amd64/static"},
		"an older glibc":               {machine("2.31", ""), []registry.Variant{gnu, musl}, "linux/amd64/static"},
		"for any machine":              {registry.Machine{OS: "plan9", Arch: "mips"}, []registry.Variant{plain, everywhere}, "any/any/any"},
		"a mac": {registry.Machine{OS: "darwin", Arch: "arm64", Accelerators: map[string]string{"metal": ""}},
			[]registry.Variant{plain, metal}, "darwin/arm64/default"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := registry.Choose(test.variants, test.machine, "")
			if err != nil || c.Chosen.Platform() != test.chosen || c.Warning != "" {
				t.Fatalf("chose %s, %v, %s", c.Chosen.Platform(), err, c.Warning)
			}
			if len(c.Verdicts) != len(test.variants) || !c.Verdicts[0].Chosen || !c.Verdicts[0].Fits {
				t.Errorf("verdicts: %+v", c.Verdicts)
			}
			for _, v := range c.Verdicts {
				if v.Reason == "" {
					t.Errorf("no reason for %s", v.Platform())
				}
			}
		})
	}
}

// TestWhy: each verdict says what a person wants to know.
func TestWhy(t *testing.T) {
	m := machine("2.36", "sse2 avx2", "cuda 550.54", "vulkan 1.3.1")
	c, err := registry.Choose([]registry.Variant{arm, plain, avx2, avx512, cuda13, cuda12, vulkan, rocm, gnu}, m, "")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, v := range c.Verdicts {
		lines = append(lines, v.Platform()+" "+v.Reason)
	}
	want := `linux/amd64/cuda12 uses cuda (driver 550.54)
linux/amd64/vulkan uses vulkan (driver 1.3.1); cuda12 goes before it: it uses cuda
linux/amd64/avx2 uses avx2; cuda12 goes before it: it uses cuda
linux/amd64/default runs on any linux/amd64; cuda12 goes before it: it uses cuda
linux/amd64/gnu runs on any linux/amd64; cuda12 goes before it: it uses cuda
linux/amd64/cuda13 needs a driver for cuda >=580, and this machine has 550.54
linux/amd64/rocm needs rocm, which was not found on this machine
linux/amd64/avx512 needs a processor with avx512f
linux/arm64/default is for linux/arm64`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWanted(t *testing.T) {
	m := machine("2.36", "", "vulkan 1.3.1")
	variants := []registry.Variant{plain, vulkan, cuda12, arm}
	c, err := registry.Choose(variants, m, "default")
	if err != nil || c.Chosen.Platform() != "linux/amd64/default" || c.Warning != "" {
		t.Errorf("one that fits: %+v, %v", c, err)
	}
	if !strings.Contains(c.Verdicts[0].Reason, "was asked for") {
		t.Errorf("verdicts: %+v", c.Verdicts)
	}
	c, err = registry.Choose(variants, m, "cuda12")
	if err != nil || c.Chosen.Label() != "cuda12" || !strings.Contains(c.Warning, "needs cuda") {
		t.Errorf("one that the machine does not seem to run: %+v, %v", c, err)
	}
}

func TestNothingToChoose(t *testing.T) {
	m := machine("2.36", "")
	for name, test := range map[string]struct {
		variants []registry.Variant
		want     string
		words    string
	}{
		"another machine":    {[]registry.Variant{arm, metal}, "", "(linux/amd64): darwin/arm64/default is for darwin/arm64; linux/arm64/default is for linux/arm64"},
		"wanted, of another": {[]registry.Variant{metal, plain}, "metal", `no variant "metal"`},
		"no hardware":        {[]registry.Variant{cuda12}, "", "needs cuda"},
		"a future one":       {[]registry.Variant{needs("npu", "npu", "")}, "", "needs npu"},
		"a broken range":     {[]registry.Variant{needs("x", "", ""), {Requires: packages.Requires{Glibc: "newish"}}}[1:], "", "no range of versions"},
		"none at all":        {nil, "", "has none at all"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := registry.Choose(test.variants, m, test.want)
			if sdk.CodeOf(err) != sdk.CodeUnsupported || !strings.Contains(err.Error(), test.words) {
				t.Errorf("got %v", err)
			}
		})
	}
}
