package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/schemas"
)

// headMark begins the lines of the head.
const headMark = "//"

// head says above the text what it is, and what is wrong with it.
func (e *edition) head(problems error) string {
	lines := []string{
		"Model " + e.id + ": change it, save, and leave the editor.",
		"Lines like this one are not stored. What you leave as it is, or empty, changes nothing;",
		`"(hidden)" stands for a secret and may stay.`,
	}
	if problems != nil {
		lines = append(lines, "", "This could not be stored; leave it unchanged to give up:")
		below := len(lines) + strings.Count(problems.Error(), "\n") + 1
		lines = append(lines, strings.Split(moved(problems, below).Error(), "\n")...)
	}
	return headMark + " " + strings.Join(lines, "\n"+headMark+" ") + "\n"
}

// moved are problems of a text that has a head of so many lines now.
func moved(err error, lines int) error {
	var problems schemas.Problems
	if !errors.As(err, &problems) {
		return err
	}
	problems = slices.Clone(problems)
	for i := range problems {
		if problems[i].Line > 0 {
			problems[i].Line += lines
		}
	}
	return problems
}

// withoutHead is the text below the head.
func withoutHead(text string) string {
	for strings.HasPrefix(text, headMark) {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text
}

// editable is the part of a model that its file holds, one key a line and
// templates, which are full of <|…|>, readable. The id is the folder's.
func editable(model []byte) string {
	keys := slices.DeleteFunc(schemas.Model().Properties(), func(key string) bool { return key == "id" || key == "object" })
	var members []string
	gjson.ParseBytes(model).ForEach(func(key, value gjson.Result) bool {
		if slices.Contains(keys, key.String()) {
			members = append(members, key.Raw+":"+plainJSON(ordered(value)))
		}
		return true
	})
	var text bytes.Buffer
	_ = json.Indent(&text, []byte("{"+strings.Join(members, ",")+"}"), "", "  ") // it came from JSON
	return text.String() + "\n"
}

// ordered is a value whose numbers stay as they are written.
func ordered(value gjson.Result) any {
	var v any
	_ = schemas.Unmarshal([]byte(value.Raw), &v) // it came from JSON
	return v
}

// openEditor has a person change a text, and returns what it is then.
func openEditor(file, text string) (string, error) {
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", err
	}
	cmd, err := editor(file)
	if err != nil {
		return "", err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	interrupts := make(chan os.Signal, 1) // a second Ctrl-C in the editor would end this program
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	if err := cmd.Run(); err != nil {
		_, chosen := chosenEditor()
		return "", fmt.Errorf("editor %s: %w", firstOf(chosen, cmd.Path), err)
	}
	edited, err := os.ReadFile(file)
	return string(edited), err
}

// chosenEditor is what the person named, with arguments as a shell reads them.
func chosenEditor() (variable, command string) {
	for _, variable := range []string{"VISUAL", "EDITOR"} {
		if command := strings.TrimSpace(os.Getenv(variable)); command != "" {
			return variable, command
		}
	}
	return "", ""
}

// haveEditor sees whether an editor is there before anything is begun. What a
// shell makes of quotes and variables is left to it.
func haveEditor() error {
	variable, command := chosenEditor()
	if command == "" {
		_, err := editor("")
		return err
	}
	program := strings.Fields(command)[0]
	if _, err := exec.LookPath(program); err != nil && !strings.ContainsAny(program, "\"'$~\\=") {
		return fmt.Errorf("the editor %s is not there; set %s to one that is", program, variable)
	}
	return nil
}

// editor is the program that the person chose, or one that is there.
func editor(file string) (*exec.Cmd, error) {
	_, chosen := chosenEditor()
	switch {
	case chosen != "" && runtime.GOOS == "windows":
		words := strings.Fields(chosen)
		return exec.Command(words[0], append(words[1:], file)...), nil
	case chosen != "":
		return exec.Command("sh", "-c", chosen+` "$1"`, chosen, file), nil
	}
	for _, program := range []string{"nano", "vi", "notepad"} {
		if path, err := exec.LookPath(program); err == nil {
			return exec.Command(path, file), nil
		}
	}
	return nil, errors.New("no editor was found; name one: EDITOR=PROGRAM enginebay edit MODEL")
}
