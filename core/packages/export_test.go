package packages

// SetMaxEntries has archives be refused earlier, until undo is called.
func SetMaxEntries(n int) (undo func()) {
	before := maxEntries
	maxEntries = n
	return func() { maxEntries = before }
}
