package conversation

import (
	"context"

	"github.com/enginebay/enginebay/core/database"
)

// Status asks the database how it is.
func (s *Store) Status(ctx context.Context) database.Status { return s.db.Status(ctx) }
