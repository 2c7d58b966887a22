// SPDX-License-Identifier: Apache-2.0
// lib/pq under database/sql, by the URL of the .env snippet.
package main

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"time"

	"github.com/lib/pq"
)

type pqClient struct{ *sql.DB }

func (c pqClient) execute(ctx context.Context, sql string, values ...any) error {
	_, err := c.ExecContext(ctx, sql, values...)
	return err
}

func (c pqClient) row(ctx context.Context, sql string, values []any, into ...any) error {
	return c.QueryRowContext(ctx, sql, values...).Scan(into...)
}

func (c pqClient) each(ctx context.Context, statement string, names []string, end bool) error {
	session, err := c.BeginTx(ctx, nil)
	must(err)
	defer session.Rollback()
	prepared, err := session.PrepareContext(ctx, statement)
	must(err)
	for _, name := range names {
		if _, err := prepared.ExecContext(ctx, name); err != nil {
			return err
		}
	}
	if end { // of a COPY
		if _, err := prepared.ExecContext(ctx); err != nil {
			return err
		}
	}
	must(prepared.Close())
	return session.Commit()
}

func (c pqClient) insertEach(ctx context.Context, names []string) error {
	return c.each(ctx, insert, names, false)
}

func (c pqClient) insertBatch(ctx context.Context, names []string) error {
	return c.each(ctx, pq.CopyIn("things", "name"), names, true)
}

// The context's end sends a cancel request; the pool replaces the session.
func (c pqClient) cancelled(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, 500*time.Millisecond)
	defer stop()
	return c.execute(ctx, sleep)
}

func (c pqClient) sqlstate(err error) string {
	var refusal *pq.Error
	if errors.As(err, &refusal) {
		return string(refusal.Code)
	}
	return err.Error()
}

func (c pqClient) close() { c.DB.Close() }

func main() {
	db, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	must(err)
	scenario(context.Background(), pqClient{db})
}
