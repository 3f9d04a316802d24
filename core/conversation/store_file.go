package conversation

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"
)

var files = source[*File]{kind: "file", table: "files", columns: "id, body", scan: object[File]}

const (
	// chunkSize is how much of a file lies in one row, and is in memory at once.
	chunkSize = 512 << 10

	// uploadPause is how long an upload may take for a chunk; then it counts as left
	// by its server.
	uploadPause = time.Hour

	// sweepChunks is how many chunks are deleted at once, so that others need not wait.
	sweepChunks = 16
)

// ready is the condition that a file was uploaded, that its time is not over, and that
// it is the owner's.
func ready(o Owner) where { return o.of().and("ready = 1").and("kept > ?", time.Now().Unix()) }

// CreateFile reads a file to its end and keeps it; before that it does not exist. It
// fills in f.ID, f.CreatedAt, f.Bytes and f.Status. Filename, Purpose and ExpiresAt count
// as they are when content has ended: a form may have them behind the file. An error of
// content is returned as it is. A file whose ExpiresAt is over is not there any more, and
// is deleted by [Store.Sweep].
func (s *Store) CreateFile(ctx context.Context, o Owner, f *File, content io.Reader) error {
	made, err := s.birth(&f.ID, &f.CreatedAt, "file-")
	if err != nil {
		return err
	}
	f.Object, f.Status = "file", "processed"
	if err := exists(s.beginFile(ctx, o, f, made)); err != nil {
		return err
	}
	f.Bytes, err = s.keepChunks(ctx, f.ID, content)
	if err == nil {
		err = s.showFile(ctx, f)
	}
	if err != nil {
		s.dropUpload(ctx, f.ID)
	}
	return err
}

func (s *Store) beginFile(ctx context.Context, o Owner, f *File, made int64) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO files (id, owner, made, purpose, ready, kept, body) VALUES ($1, $2, $3, '', 0, $4, '')",
			f.ID, o.ID, made, soon())
		return err
	})
}

// soon is until when an upload that goes on now is kept.
func soon() int64 { return time.Now().Add(uploadPause).Unix() }

// keepChunks reads content to its end, a chunk at a time, and returns its size.
func (s *Store) keepChunks(ctx context.Context, id string, content io.Reader) (size int64, err error) {
	chunk := make([]byte, chunkSize)
	for seq := 0; ; seq++ {
		n, err := fill(content, chunk)
		if err != nil && err != io.EOF {
			return size, err
		}
		last := err != nil
		if n > 0 {
			if err := s.keepChunk(ctx, id, seq, chunk[:n]); err != nil {
				return size, err
			}
			size += int64(n)
		}
		if last {
			return size, nil
		}
	}
}

// fill reads until p is full. io.EOF is the end; unlike [io.ReadFull] it tells that from
// a content that broke off.
func fill(content io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var more int
		more, err = content.Read(p[n:])
		n += more
	}
	return n, err
}

func (s *Store) keepChunk(ctx context.Context, id string, seq int, data []byte) error {
	if err := s.db.Room(ctx, int64(len(data))); err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO chunks (file, seq, data) VALUES ($1, $2, $3)", id, seq, data); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE files SET kept = $1 WHERE id = $2", soon(), id)
		return err
	})
}

// showFile makes a file that was uploaded visible.
func (s *Store) showFile(ctx context.Context, f *File) error {
	if f.Purpose != "" {
		if err := checkID("purpose", f.Purpose); err != nil {
			return err
		}
	}
	kept := int64(forever)
	if f.ExpiresAt != nil {
		kept = *f.ExpiresAt
	}
	body, err := encode(f)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "UPDATE files SET ready = 1, kept = $1, purpose = $2, body = $3 WHERE id = $4 AND ready = 0", kept, f.Purpose, body, f.ID)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, &Missing{"file", f.ID})
		}
		return nil
	})
}

// dropUpload deletes what came of a file that did not come whole; what it cannot
// delete now, [Store.Sweep] will.
func (s *Store) dropUpload(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := s.erase(ctx, id); err != nil {
		s.log.Warn("an unfinished upload was not deleted; it will be when its time is over", "file", id, "error", err)
	}
}

// File describes a file.
func (s *Store) File(ctx context.Context, o Owner, id string) (*File, error) {
	return reading(ctx, s, func(tx *sql.Tx) (*File, error) { return files.one(ctx, tx, ready(o), id) })
}

// Files lists files; where purpose is not empty only those for it.
func (s *Store) Files(ctx context.Context, o Owner, purpose string, p Page) (List[*File], error) {
	w := ready(o)
	if purpose != "" {
		if err := checkID("purpose", purpose); err != nil {
			return List[*File]{}, err
		}
		w = w.and("purpose = ?", purpose)
	}
	return reading(ctx, s, func(tx *sql.Tx) (List[*File], error) { return files.page(ctx, tx, w, p) })
}

// FileContent reads a file's content, a chunk at a time, each when it is asked for. A
// file that is deleted meanwhile ends with a [Missing] error.
func (s *Store) FileContent(ctx context.Context, o Owner, id string) (*File, io.ReadSeeker, error) {
	f, err := s.File(ctx, o, id)
	if err != nil {
		return nil, nil, err
	}
	return f, &content{ctx: ctx, s: s, file: f}, nil
}

// content reads the chunks of a file.
type content struct {
	ctx  context.Context // of the request that reads it: a Reader takes none
	s    *Store
	file *File
	seq  int   // of the next chunk
	read int64 // up to that
	skip int64 // bytes of it
	rest []byte
}

// Read implements io.Reader.
func (c *content) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		if c.read == c.file.Bytes {
			return 0, io.EOF
		}
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *content) next() error {
	chunk, err := reading(c.ctx, c.s, func(tx *sql.Tx) (data []byte, err error) {
		err = tx.QueryRowContext(c.ctx, "SELECT data FROM chunks JOIN files ON id = file WHERE file = $1 AND seq = $2 AND ready = 1", c.file.ID, c.seq).Scan(&data)
		return data, err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return &Missing{"file", c.file.ID}
	}
	if err != nil {
		return err
	}
	if len(chunk) == 0 || c.read+int64(len(chunk)) > c.file.Bytes {
		return fmt.Errorf("chunk %d of the file %s does not fit its size", c.seq, c.file.ID)
	}
	c.seq++
	c.read += int64(len(chunk))
	c.rest, c.skip = chunk[min(c.skip, int64(len(chunk))):], 0
	return nil
}

// Seek implements io.Seeker; it reads nothing.
func (c *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.read + c.skip - int64(len(c.rest))
	case io.SeekEnd:
		offset += c.file.Bytes
	}
	if offset < 0 || offset > c.file.Bytes {
		return 0, fmt.Errorf("the file %s has %d bytes: it has none at %d", c.file.ID, c.file.Bytes, offset)
	}
	c.seq = int(offset / chunkSize)
	c.read, c.skip, c.rest = int64(c.seq)*chunkSize, offset%chunkSize, nil
	return offset, nil
}

// DeleteFile deletes a file. Messages that name it stay.
func (s *Store) DeleteFile(ctx context.Context, o Owner, id string) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		if err := files.has(ctx, tx, ready(o), id); err != nil {
			return err
		}
		return hide(ctx, tx, id)
	})
	if err != nil {
		return err
	}
	s.dropUpload(ctx, id)
	return nil
}

// hide makes a file one that does not exist any more, for [Store.Sweep].
func hide(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(ctx, "UPDATE files SET ready = 0, kept = 0 WHERE id = $1", id)
	return err
}

// erase deletes a file with its chunks, a few at a time.
func (s *Store) erase(ctx context.Context, id string) error {
	if err := s.db.Write(ctx, func(tx *sql.Tx) error { return hide(ctx, tx, id) }); err != nil {
		return err
	}
	for {
		left, err := writing(ctx, s, func(tx *sql.Tx) (int64, error) { return eraseSome(ctx, tx, id) })
		if err != nil || left == 0 {
			return err
		}
	}
}

// eraseSome deletes the last chunks of a file, and with the first one the file. It
// returns how many are left.
func eraseSome(ctx context.Context, tx *sql.Tx, id string) (left int64, err error) {
	err = tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(seq), -1) + 1 FROM chunks WHERE file = $1", id).Scan(&left)
	if err != nil {
		return 0, err
	}
	left = max(0, left-sweepChunks)
	if _, err := tx.ExecContext(ctx, "DELETE FROM chunks WHERE file = $1 AND seq >= $2", id, left); err != nil {
		return 0, err
	}
	if left == 0 {
		_, err = tx.ExecContext(ctx, "DELETE FROM files WHERE id = $1", id)
	}
	return left, err
}

// Sweep deletes files whose time is over, and what is left of uploads that broke off
// and of files that were deleted. It returns how many these were.
func (s *Store) Sweep(ctx context.Context) (int, error) {
	return s.sweep(ctx, "SELECT id FROM files WHERE kept < $1", time.Now().Unix())
}

// sweepStart sweeps when a server starts: where nobody else has the database, nobody
// is at an upload.
func (s *Store) sweepStart(ctx context.Context) error {
	_, err := s.Sweep(ctx)
	if err == nil && s.db.Status(ctx).Driver == "sqlite" {
		_, err = s.sweep(ctx, "SELECT id FROM files WHERE kept < $1 AND ready = 0", forever)
	}
	return err
}

func (s *Store) sweep(ctx context.Context, query string, args ...any) (int, error) {
	old, err := reading(ctx, s, func(tx *sql.Tx) ([]listed[struct{}], error) {
		return collect(ctx, tx, query, args, func(r row) (id string, _ struct{}, err error) {
			err = r.Scan(&id)
			return id, struct{}{}, err
		})
	})
	if err != nil {
		return 0, err
	}
	for n, f := range old {
		if err := s.erase(ctx, f.id); err != nil {
			return n, err
		}
	}
	return len(old), nil
}
