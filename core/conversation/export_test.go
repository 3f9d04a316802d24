package conversation

// SetMaxHistory bounds what is read at once of what went before a request.
func (s *Store) SetMaxHistory(bytes int) { s.history = bytes }
