// Package metrics counts requests and shows them, with what the runtime knows, in
// Prometheus' text form.
//
// Only requests are counted here, with a few atomic additions each. Everything
// else (models, engines, downloads, the process) is asked when somebody scrapes.
package metrics
