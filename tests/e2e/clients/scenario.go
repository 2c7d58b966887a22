// SPDX-License-Identifier: Apache-2.0
// What each Go client is put through; pgx.go and pq.go say only how their client does each step.
// The same steps and the same report as scenario.ts, which describes them.
package main

import (
	"context"
	"crypto/md5"
	"fmt"
	"log"
	"os"
)

const (
	createThings = `CREATE TABLE things
		(id serial PRIMARY KEY, name text NOT NULL UNIQUE, body text, blob bytea)`
	addNote    = "ALTER TABLE things ADD COLUMN note text NOT NULL DEFAULT 'none'"
	insert     = "INSERT INTO things (name) VALUES ($1)"
	insertBig  = "INSERT INTO things (name, body, blob) VALUES ('big-0', $1, $2)"
	selectBig  = "SELECT body, blob FROM things WHERE name = 'big-0'"
	countLike  = "SELECT count(*) FROM things WHERE name LIKE $1"
	sleep      = "SELECT pg_sleep(20)"
	currentOne = "SELECT current_database()"
)

type client interface {
	execute(ctx context.Context, sql string, values ...any) error
	// Scans the one row into into.
	row(ctx context.Context, sql string, values []any, into ...any) error
	// One transaction, one statement for each name; an error rolls all of it back.
	insertEach(ctx context.Context, names []string) error
	// The client's own way to send many rows at once.
	insertBatch(ctx context.Context, names []string) error
	// Runs sleep and cancels it as the client can.
	cancelled(ctx context.Context) error
	sqlstate(err error) string
	close()
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func names(prefix string, count int) []string {
	made := make([]string, count)
	for i := range made {
		made[i] = fmt.Sprintf("%s-%d-ünï", prefix, i)
	}
	return made
}

func content(variable string) []byte {
	bytes, err := os.ReadFile(os.Getenv(variable))
	must(err)
	return bytes
}

func refused(c client, err error) string {
	if err == nil {
		return "not at all"
	}
	return c.sqlstate(err)
}

func scenario(ctx context.Context, c client) {
	count := func(label, prefix string) {
		var n int
		must(c.row(ctx, countLike, []any{prefix + "-%"}, &n))
		fmt.Println(label, n)
	}
	must(c.execute(ctx, createThings))
	must(c.execute(ctx, addNote))
	var database string
	must(c.row(ctx, currentOne, nil, &database))
	fmt.Println("database", database)
	must(c.insertEach(ctx, names("committed", 10)))
	count("committed", "committed")
	again := append(names("rolled", 5), names("rolled", 1)...)
	fmt.Println("refused", refused(c, c.insertEach(ctx, again)))
	count("rolled", "rolled")
	must(c.insertBatch(ctx, names("batch", 1000)))
	count("batch", "batch")
	must(c.execute(ctx, insertBig, string(content("HOWDAH_TEXT")), content("HOWDAH_BYTES")))
	var body string
	var blob []byte
	must(c.row(ctx, selectBig, nil, &body, &blob))
	fmt.Printf("text %d %x\n", len(body), md5.Sum([]byte(body)))
	fmt.Printf("bytes %d %x\n", len(blob), md5.Sum(blob))
	fmt.Println("cancelled", refused(c, c.cancelled(ctx)))
	count("alive", "big")
	c.close()
}
