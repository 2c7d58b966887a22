// SPDX-License-Identifier: Apache-2.0
// libpq by the variables of the .env snippet. The steps and the report are those of scenario.ts.
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static PGconn* connection;

static void fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, PQerrorMessage(connection));
  exit(1);
}

// Runs one statement; any status but the expected one ends the program.
static PGresult* expect(ExecStatusType status, PGresult* result, const char* what) {
  if (PQresultStatus(result) != status) fail(what);
  return result;
}

static void execute(const char* sql) {
  PQclear(expect(PGRES_COMMAND_OK, PQexec(connection, sql), sql));
}

static PGresult* insert(const char* prefix, int i) {
  char name[64];
  snprintf(name, sizeof name, "%s-%d-ünï", prefix, i);
  const char* values[] = {name};
  return PQexecPrepared(connection, "insert", 1, values, NULL, NULL, 0);
}

static void count(const char* label, const char* prefix) {
  char pattern[64];
  snprintf(pattern, sizeof pattern, "%s-%%", prefix);
  const char* values[] = {pattern};
  const char* sql = "SELECT count(*) FROM things WHERE name LIKE $1";
  PGresult* result = PQexecParams(connection, sql, 1, NULL, values, NULL, NULL, 0);
  printf("%s %s\n", label, PQgetvalue(expect(PGRES_TUPLES_OK, result, sql), 0, 0));
  PQclear(result);
}

static void transactions(void) {
  PQclear(expect(PGRES_COMMAND_OK,
                 PQprepare(connection, "insert", "INSERT INTO things (name) VALUES ($1)", 1, NULL),
                 "prepare"));
  execute("BEGIN");
  for (int i = 0; i < 10; i++) PQclear(expect(PGRES_COMMAND_OK, insert("committed", i), "insert"));
  execute("COMMIT");
  count("committed", "committed");
  execute("BEGIN");
  PQclear(expect(PGRES_COMMAND_OK, insert("rolled", 0), "insert"));
  PGresult* refused = expect(PGRES_FATAL_ERROR, insert("rolled", 0), "the same again");
  printf("refused %s\n", PQresultErrorField(refused, PG_DIAG_SQLSTATE));
  PQclear(refused);
  execute("ROLLBACK");
  count("rolled", "rolled");
}

// One pipeline of 1,000 statements and one Sync.
static void batch(void) {
  if (!PQenterPipelineMode(connection)) fail("pipeline");
  for (int i = 0; i < 1000; i++) {
    char name[64];
    snprintf(name, sizeof name, "batch-%d-ünï", i);
    const char* values[] = {name};
    if (!PQsendQueryPrepared(connection, "insert", 1, values, NULL, NULL, 0)) fail("send");
  }
  if (!PQpipelineSync(connection)) fail("sync");
  for (int i = 0; i < 1000; i++) {
    PQclear(expect(PGRES_COMMAND_OK, PQgetResult(connection), "one of the batch"));
    PQclear(PQgetResult(connection));
  }
  PQclear(expect(PGRES_PIPELINE_SYNC, PQgetResult(connection), "sync"));
  if (!PQexitPipelineMode(connection)) fail("end of pipeline");
  count("batch", "batch");
}

static char* content(const char* variable, size_t* size) {
  FILE* file = fopen(getenv(variable), "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0) fail(variable);
  *size = (size_t)ftell(file);
  char* bytes = malloc(*size + 1);
  rewind(file);
  if (!bytes || fread(bytes, 1, *size, file) != *size) fail(variable);
  fclose(file);
  bytes[*size] = '\0';
  return bytes;
}

// Compares what came back with what was sent: the caller's checksum is that of the latter.
static void same(const char* label, PGresult* result, int column, const char* sent, size_t size) {
  const char* md5 = PQgetvalue(result, 0, column + 2);
  const int equal = (size_t)PQgetlength(result, 0, column) == size &&
                    memcmp(PQgetvalue(result, 0, column), sent, size) == 0;
  printf("%s %d %s\n", label, PQgetlength(result, 0, column), equal ? md5 : "differs");
}

static void big(void) {
  size_t text_size, bytes_size;
  char* text = content("HOWDAH_TEXT", &text_size);
  char* bytes = content("HOWDAH_BYTES", &bytes_size);
  const char* values[] = {text, bytes};
  const int lengths[] = {(int)text_size, (int)bytes_size};
  const int formats[] = {0, 1};
  const char* sql = "INSERT INTO things (name, body, blob) VALUES ('big-0', $1, $2)";
  PQclear(expect(PGRES_COMMAND_OK,
                 PQexecParams(connection, sql, 2, NULL, values, lengths, formats, 0), sql));
  sql = "SELECT body, blob, md5(body), md5(blob) FROM things WHERE name = 'big-0'";
  PGresult* result = PQexecParams(connection, sql, 0, NULL, NULL, NULL, NULL, 1);
  expect(PGRES_TUPLES_OK, result, sql);
  same("text", result, 0, text, text_size);
  same("bytes", result, 1, bytes, bytes_size);
  PQclear(result);
  free(text);
  free(bytes);
}

static void* cancel_soon(void* cancel) {
  char error[256];
  usleep(500 * 1000);
  if (!PQcancel(cancel, error, sizeof error)) fprintf(stderr, "cancel: %s\n", error);
  return NULL;
}

static void cancel(void) {
  PGcancel* key = PQgetCancel(connection);
  pthread_t thread;
  pthread_create(&thread, NULL, cancel_soon, key);
  PGresult* result = PQexec(connection, "SELECT pg_sleep(20)");
  pthread_join(thread, NULL);
  const char* code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  printf("cancelled %s\n", code ? code : PQerrorMessage(connection));
  PQclear(result);
  PQfreeCancel(key);
}

int main(void) {
  connection = PQconnectdb("");
  if (PQstatus(connection) != CONNECTION_OK) fail("connect");
  if (!PQsslInUse(connection)) fail("not encrypted");
  execute(
      "CREATE TABLE things (id serial PRIMARY KEY, name text NOT NULL UNIQUE, body text, blob "
      "bytea)");
  execute("ALTER TABLE things ADD COLUMN note text NOT NULL DEFAULT 'none'");
  PGresult* name = PQexec(connection, "SELECT current_database()");
  printf("database %s\n", PQgetvalue(expect(PGRES_TUPLES_OK, name, "database"), 0, 0));
  PQclear(name);
  transactions();
  batch();
  big();
  cancel();
  count("alive", "big");
  PQfinish(connection);
  return 0;
}
