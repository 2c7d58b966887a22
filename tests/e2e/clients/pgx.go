// SPDX-License-Identifier: Apache-2.0
// pgx by its snippet, which clients.test.ts makes the function connect() of.
package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
)

type pgxClient struct{ *pgx.Conn }

func (c pgxClient) execute(ctx context.Context, sql string, values ...any) error {
	_, err := c.Exec(ctx, sql, values...)
	return err
}

func (c pgxClient) row(ctx context.Context, sql string, values []any, into ...any) error {
	return c.QueryRow(ctx, sql, values...).Scan(into...)
}

func (c pgxClient) insertEach(ctx context.Context, names []string) error {
	return c.BeginFunc(ctx, func(session pgx.Tx) error {
		for _, name := range names {
			if _, err := session.Exec(ctx, insert, name); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c pgxClient) insertBatch(ctx context.Context, names []string) error {
	var batch pgx.Batch
	for _, name := range names {
		batch.Queue(insert, name)
	}
	return c.SendBatch(ctx, &batch).Close()
}

// Not by the context, which closes the session, too.
func (c pgxClient) cancelled(ctx context.Context) error {
	go func() {
		time.Sleep(500 * time.Millisecond)
		must(c.PgConn().CancelRequest(ctx))
	}()
	return c.execute(ctx, sleep)
}

func (c pgxClient) sqlstate(err error) string {
	var refusal *pgconn.PgError
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return err.Error()
}

func (c pgxClient) close() { c.Conn.Close(context.Background()) }

func main() {
	ctx := context.Background()
	connection, err := connect(ctx)
	must(err)
	scenario(ctx, pgxClient{connection})
}
