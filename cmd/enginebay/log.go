package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/term"
	"gopkg.in/natefinch/lumberjack.v2"
)

const (
	logName    = "enginebay" // of the root logger; parts are named below it
	logFileMB  = 10          // size at which the log file is put aside
	logBackups = 5           // how many of those are kept
)

// logFile is what the server logs, for "enginebay logs".
func (c *config) logFile() string { return filepath.Join(c.home, "logs", "enginebay.log") }

// logs is where the loggers of a server write: standard error has what the levels
// let through, the file what is of level info besides.
type logs struct {
	levels atomic.Pointer[levels]
	file   hclog.SinkAdapter // JSON lines
}

// levels are the least level that is logged, and that of single parts.
type levels struct {
	all   hclog.Level
	parts map[string]hclog.Level
}

func newLevels(s settings) *levels {
	l := &levels{all: hclog.LevelFromString(s.LogLevel), parts: map[string]hclog.Level{}}
	for part, level := range s.LogLevels {
		l.parts[strings.TrimPrefix(part, logName+".")] = hclog.LevelFromString(level)
	}
	return l
}

// of returns the level of a logger: that of the longest part it is in.
func (l *levels) of(name string) hclog.Level {
	part := strings.TrimPrefix(name, logName+".")
	for len(l.parts) > 0 && part != "" {
		if level, ok := l.parts[part]; ok {
			return level
		}
		part = part[:max(strings.LastIndexByte(part, '.'), 0)]
	}
	return l.all
}

// openLog makes the root logger. A log file that cannot be written is no reason
// not to serve.
func (c *config) openLog(stderr *os.File) (hclog.Logger, *logs) {
	file, err := openLogFile(c.logFile())
	out := &logs{file: hclog.NewSinkAdapter(&hclog.LoggerOptions{Output: file, Level: hclog.Trace, JSONFormat: true, JSONEscapeDisabled: true})}
	out.levels.Store(newLevels(c.settings))
	root := &logger{out: out, Logger: hclog.New(&hclog.LoggerOptions{Name: logName, Level: hclog.Trace, Output: stderr,
		Color: colorOf(stderr), JSONFormat: c.LogFormat == "json",
		SubloggerHook: func(sub hclog.Logger) hclog.Logger { return &logger{sub, out} }})}
	if err != nil {
		root.Warn("no log file is written", "error", err)
	}
	return root, out
}

// openLogFile makes the file, so that a fault is told now and not lost with the
// first line.
func openLogFile(file string) (io.Writer, error) {
	err := os.MkdirAll(filepath.Dir(file), 0o700)
	if err != nil {
		return io.Discard, err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return io.Discard, err
	}
	return &lumberjack.Logger{Filename: file, MaxSize: logFileMB, MaxBackups: logBackups}, f.Close()
}

func colorOf(f *os.File) hclog.ColorOption {
	if term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		return hclog.AutoColor
	}
	return hclog.ColorOff
}

// logger is an hclog.Logger, which writes to standard error, with the levels of
// its part, which may change at any time, and with the log file.
type logger struct {
	hclog.Logger
	out *logs
}

// level is the least that standard error gets.
func (l *logger) level() hclog.Level { return l.out.levels.Load().of(l.Name()) }

// GetLevel returns the least level that goes anywhere.
func (l *logger) GetLevel() hclog.Level { return min(l.level(), hclog.Info) }

// SetLevel does nothing: the operator sets levels.
func (l *logger) SetLevel(hclog.Level) {}

func (l *logger) Log(level hclog.Level, msg string, args ...any) {
	least := l.level()
	if level < min(least, hclog.Info) {
		return
	}
	args = readable(args)
	if level >= least {
		l.Logger.Log(level, msg, args...)
	}
	l.out.file.Accept(l.Name(), level, msg, append(slices.Clone(l.ImpliedArgs()), args...)...)
}

func (l *logger) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }
func (l *logger) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }
func (l *logger) Info(msg string, args ...any)  { l.Log(hclog.Info, msg, args...) }
func (l *logger) Warn(msg string, args ...any)  { l.Log(hclog.Warn, msg, args...) }
func (l *logger) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

func (l *logger) IsTrace() bool { return l.GetLevel() <= hclog.Trace }
func (l *logger) IsDebug() bool { return l.GetLevel() <= hclog.Debug }
func (l *logger) IsInfo() bool  { return l.GetLevel() <= hclog.Info }
func (l *logger) IsWarn() bool  { return l.GetLevel() <= hclog.Warn }
func (l *logger) IsError() bool { return l.GetLevel() <= hclog.Error }

// readable writes errors and times out: hclog shows an error that is a list as one,
// with its lines below the message, and in JSON a time as nanoseconds.
func readable(args []any) []any {
	args = slices.Clone(args)
	for i, arg := range args {
		switch v := arg.(type) {
		case error:
			args[i] = strings.ReplaceAll(strings.TrimSpace(v.Error()), "\n", "; ")
		case time.Duration:
			args[i] = v.String()
		}
	}
	return args
}
