// Package pluginhost finds plugins on disk and runs them: one process for each
// deployment, or for each of its models, started at first use, configured,
// supervised and stopped. Where settings change a new process is started beside the
// old one, which stays until its last user has left.
//
// A plugin is foreign code. It gets an allow-list of the environment and a
// private run folder; whatever it prints is cut, cleaned and rate-limited
// before it reaches the log; every call to it has a deadline; and when it, or
// the core, comes to an end by any means, nothing is left of it and of what it
// started by sdk/process. (A child that it forked in a way of its own goes with
// the plugin's group, but lives on when the core is killed with SIGKILL.)
package pluginhost
