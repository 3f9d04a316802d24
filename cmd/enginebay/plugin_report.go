package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/jstemmer/go-junit-report/v2/junit"
	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/sdk/sdktest"
)

// trialReport shows what came out of a plugin's checks.
type trialReport struct {
	out     io.Writer
	silent  bool // it is shown at the end, as JSON
	plugin  *candidate
	results []sdktest.Result
	took    time.Duration
}

// marks stand before a check.
var marks = map[string]string{sdktest.Passed: "✓", sdktest.Failed: "✗", sdktest.Skipped: "–"}

const reportMargin = "      "

// head says what is tested.
func (r *trialReport) head() {
	if r.silent {
		return
	}
	p := r.plugin
	if p.err != nil {
		fmt.Fprintf(r.out, "%s does not start as a plugin: %v\n", p.path, p.err)
		r.words(p.words)
	} else {
		var kinds []string
		for _, kind := range p.description.Kinds {
			kinds = append(kinds, string(kind))
		}
		fmt.Fprintf(r.out, "%s %s, %s, of %s\n", p.description.Name, p.description.Version, strings.Join(kinds, " and "), p.path)
	}
	fmt.Fprintln(r.out)
}

// add shows one result as it comes.
func (r *trialReport) add(result sdktest.Result) {
	r.results = append(r.results, result)
	if r.silent {
		return
	}
	fmt.Fprintf(r.out, "  %s %-22s", marks[result.Verdict], result.Name)
	switch result.Verdict {
	case sdktest.Skipped:
		fmt.Fprintf(r.out, " not tested, because %s\n", because(result))
	default:
		fmt.Fprintf(r.out, " %8s\n", result.Took.Round(time.Millisecond))
	}
	if result.Verdict == sdktest.Failed {
		fmt.Fprintf(r.out, "%swhat is right: %s\n", reportMargin, result.About)
		r.fault(result, result.Name)
		r.words(lastWordsOf(result))
	}
	for _, note := range result.Notes {
		fmt.Fprintf(r.out, "%s%s\n", reportMargin, indented(note))
	}
}

// fault says what is wrong, of a check and of its parts.
func (r *trialReport) fault(result sdktest.Result, check string) {
	part := strings.TrimPrefix(strings.TrimPrefix(result.Name, check), "/")
	for _, fault := range result.Faults {
		if part != "" {
			fault = part + ": " + fault
		}
		fmt.Fprintf(r.out, "%s→ %s\n", reportMargin, indented(fault))
	}
	for _, p := range result.Parts {
		r.fault(p, check)
	}
}

// shownWords is how many of the plugin's last lines are shown to a person.
const shownWords = 12

func (r *trialReport) words(lines []string) {
	if len(lines) == 0 {
		return
	}
	lines = lines[max(len(lines)-shownWords, 0):]
	fmt.Fprintf(r.out, "%sits last words:\n", reportMargin)
	for _, line := range lines {
		fmt.Fprintf(r.out, "%s  %s\n", reportMargin, cutText(line, 200))
	}
}

// because is why something was not tested; the reason may be that of a part.
func because(result sdktest.Result) string {
	if result.Skipped != "" || len(result.Parts) == 0 {
		return result.Skipped
	}
	return because(result.Parts[0])
}

// lastWordsOf are those of the check, or of its first part that has any.
func lastWordsOf(result sdktest.Result) []string {
	if len(result.Log) > 0 {
		return result.Log
	}
	for _, part := range result.Parts {
		if words := lastWordsOf(part); len(words) > 0 {
			return words
		}
	}
	return nil
}

func indented(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+reportMargin+"  ")
}

func cutText(text string, n int) string {
	if letters := []rune(text); len(letters) > n {
		return string(letters[:n]) + "…"
	}
	return text
}

func (r *trialReport) count(verdict string) (n int) {
	for _, result := range r.results {
		if result.Verdict == verdict {
			n++
		}
	}
	return n
}

// finish shows the end of it, and writes what was asked for.
func (r *trialReport) finish(cmd *cobra.Command, t *trialOf) error {
	if t.junit != "" {
		if err := r.writeJUnit(t.junit); err != nil {
			return err
		}
	}
	if *t.json {
		if err := r.printJSON(); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(r.out, "\n%d passed, %d failed, %d not tested, in %v\n", r.count(sdktest.Passed), r.count(sdktest.Failed),
			r.count(sdktest.Skipped), r.took.Round(100*time.Millisecond))
		r.next(cmd, t)
	}
	if r.count(sdktest.Failed) > 0 || r.plugin.err != nil {
		return quietError{}
	}
	return nil
}

// next says what the author can do now.
func (r *trialReport) next(cmd *cobra.Command, t *trialOf) {
	var first string
	for _, result := range r.results {
		if result.Verdict == sdktest.Failed {
			first = result.Name
			break
		}
	}
	switch {
	case first != "":
		fmt.Fprintf(r.out, "→ Mend the first, and try it alone: %s %s --run '^%s$' with the flags of now\n", cmd.CommandPath(), r.plugin.path, regexp.QuoteMeta(first))
	case r.plugin.err != nil:
		fmt.Fprintf(r.out, "→ A plugin is a program that calls sdk.Serve, or does as sdk/PROTOCOL.md says.\n")
	case r.plugin.manifest == nil:
		fmt.Fprintf(r.out, "→ Put a plugin.json beside the program, and test its folder: the server finds a plugin by that file.\n")
	case t.model == "" && slicesHas(r.results, "no model was given"):
		fmt.Fprintf(r.out, "→ Name a model that it can load, with --model FOLDER.\n")
	case t.ref == "" && slicesHas(r.results, "no ref was given"):
		fmt.Fprintf(r.out, "→ Name a ref that it resolves, with --ref, and one of a model that is not there, with --missing.\n")
	case t.match == "":
		fmt.Fprintf(r.out, "→ The server will get on with it. Pack it with \"enginebay plugin pack\".\n")
	}
}

func slicesHas(results []sdktest.Result, reason string) bool {
	for _, r := range results {
		if because(r) == reason {
			return true
		}
	}
	return false
}

func (r *trialReport) printJSON() error {
	p := r.plugin
	answer := map[string]any{"path": p.path, "name": p.description.Name, "version": p.description.Version, "kinds": p.kinds(), "checks": r.results,
		"passed": r.count(sdktest.Passed), "failed": r.count(sdktest.Failed), "not_tested": r.count(sdktest.Skipped), "took_ms": r.took.Milliseconds()}
	if p.err != nil {
		answer["error"], answer["log"] = p.err.Error(), p.words
	}
	return printJSON(r.out, answer)
}

// writeJUnit writes the results as CI services read them.
func (r *trialReport) writeJUnit(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	suite := junit.Testsuite{Name: "enginebay plugin test " + r.plugin.path, Time: seconds(r.took)}
	suite.SetTimestamp(time.Now())
	for _, result := range r.results {
		suite.AddTestcase(testcase(result))
	}
	if r.plugin.err != nil {
		suite.AddTestcase(junit.Testcase{Name: "start", Classname: "program", Failure: &junit.Result{Message: "it does not start as a plugin", Data: r.plugin.err.Error()}})
	}
	all := junit.Testsuites{Time: suite.Time}
	all.AddSuite(suite)
	if err := all.WriteXML(f); err != nil {
		f.Close()
		return fmt.Errorf("--junit: %w", err)
	}
	return f.Close()
}

func testcase(result sdktest.Result) junit.Testcase {
	kind, _, _ := strings.Cut(result.Name, "/")
	c := junit.Testcase{Name: result.Name, Classname: kind, Time: seconds(result.Took)}
	switch result.Verdict {
	case sdktest.Skipped:
		c.Skipped = &junit.Result{Message: because(result)}
	case sdktest.Failed:
		var text strings.Builder
		(&trialReport{out: &text}).fault(result, result.Name)
		c.Failure = &junit.Result{Message: result.About, Data: text.String()}
		c.SystemErr = &junit.Output{Data: strings.Join(lastWordsOf(result), "\n")}
	}
	return c
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
