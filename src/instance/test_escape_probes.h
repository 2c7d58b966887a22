// SPDX-License-Identifier: Apache-2.0
// What a tenant's SQL tries in order to get out of its place, or to become more than it is. Data
// only; escape_pgtest.cc runs it, and its controls.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace howdah::instance::testing {

// As user_template in tenant_template, which has: table mine(a text), function mine_f(int), type
// mine_t, of the tenant's own.
struct Probe {
  std::string_view name;
  std::string_view sql;                // one command, or several that are one transaction
  std::string_view refused = "42501";  // one of these SQLSTATEs, separated by spaces
  // The control: what the superuser gets for the same. 00000: it works. Another SQLSTATE: it gets
  // past the rights, and is stopped by something that has nothing to do with them.
  std::string_view superuser = "00000";
  int from = 13, to = 99;  // majors
  std::string_view database = "tenant_template";
  std::string_view undo = {};  // as superuser, after the control
};

inline const std::vector<Probe>& role_probes() {
  static const std::vector<Probe> probes{
      {.name = "make a role", .sql = "CREATE ROLE other"},
      {.name = "make a superuser", .sql = "CREATE ROLE other2 SUPERUSER"},
      {.name = "make a user that logs in", .sql = "CREATE USER other3 LOGIN PASSWORD 'x'"},
      {.name = "become superuser",
       .sql = "ALTER ROLE user_template SUPERUSER",
       .undo = "ALTER ROLE user_template NOSUPERUSER"},
      {.name = "take CREATEROLE",
       .sql = "ALTER ROLE user_template CREATEROLE",
       .undo = "ALTER ROLE user_template NOCREATEROLE"},
      {.name = "take REPLICATION",
       .sql = "ALTER ROLE user_template REPLICATION",
       .undo = "ALTER ROLE user_template NOREPLICATION"},
      {.name = "take BYPASSRLS",
       .sql = "ALTER ROLE user_template BYPASSRLS",
       .undo = "ALTER ROLE user_template NOBYPASSRLS"},
      {.name = "give the superuser a password", .sql = "ALTER ROLE howdah_admin PASSWORD 'x'"},
      {.name = "make the monitor a superuser",
       .sql = "ALTER ROLE howdah_monitor SUPERUSER",
       .undo = "ALTER ROLE howdah_monitor NOSUPERUSER"},
      {.name = "rename the monitor",
       .sql = "ALTER ROLE howdah_monitor RENAME TO renamed",
       .undo = "ALTER ROLE renamed RENAME TO howdah_monitor"},
      {.name = "act as the superuser", .sql = "SET ROLE howdah_admin"},
      {.name = "act as the monitor", .sql = "SET ROLE howdah_monitor"},
      {.name = "log in as the superuser afterwards",
       .sql = "SET SESSION AUTHORIZATION howdah_admin"},
      {.name = "act as one that reads files", .sql = "SET ROLE pg_read_server_files"},
      {.name = "join the superuser",
       .sql = "GRANT howdah_admin TO user_template",
       .undo = "REVOKE howdah_admin FROM user_template"},
      {.name = "join the monitor",
       .sql = "GRANT howdah_monitor TO user_template",
       .undo = "REVOKE howdah_monitor FROM user_template"},
      {.name = "settings for every role",
       .sql = "ALTER ROLE ALL SET search_path = public",
       .undo = "ALTER ROLE ALL RESET ALL"},
      {.name = "settings for the superuser",
       .sql = "ALTER ROLE howdah_admin SET search_path = public",
       .undo = "ALTER ROLE howdah_admin RESET ALL"},
      {.name = "settings for the superuser in the tenant's database",
       .sql = "ALTER ROLE howdah_admin IN DATABASE tenant_template SET search_path = public",
       .undo = "ALTER ROLE howdah_admin IN DATABASE tenant_template RESET ALL"},
      {.name = "settings for the platform's database",
       .sql = "ALTER DATABASE postgres SET work_mem = '9MB'",
       .undo = "ALTER DATABASE postgres RESET ALL"},
      {.name = "settings for the template",
       .sql = "ALTER DATABASE template1 SET work_mem = '9MB'",
       .undo = "ALTER DATABASE template1 RESET ALL"},
      {.name = "own the platform's database",
       .sql = "ALTER DATABASE postgres OWNER TO user_template",
       .undo = "ALTER DATABASE postgres OWNER TO howdah_admin"},
      {.name = "rename the template",
       .sql = "ALTER DATABASE template1 RENAME TO mine1",
       .undo = "ALTER DATABASE mine1 RENAME TO template1"},
      {.name = "open template0",
       .sql = "ALTER DATABASE template0 ALLOW_CONNECTIONS true",
       .undo = "ALTER DATABASE template0 ALLOW_CONNECTIONS false"},
      {.name = "copy a database that is no template",
       .sql = "CREATE DATABASE stolen TEMPLATE postgres",
       .database = "tenant_template",
       .undo = "DROP DATABASE stolen"},
      {.name = "forge the mark of the roles", .sql = "COMMENT ON ROLE howdah_admin IS 'mark'"},
      {.name = "comment on the platform's database",
       .sql = "COMMENT ON DATABASE postgres IS 'mine'"},
      {.name = "give a function to the superuser",
       .sql = "ALTER FUNCTION mine_f(int) OWNER TO howdah_admin",
       .undo = "ALTER FUNCTION mine_f(int) OWNER TO user_template"},
      {.name = "give a table to the superuser",
       .sql = "ALTER TABLE mine OWNER TO howdah_admin",
       .undo = "ALTER TABLE mine OWNER TO user_template"},
      {.name = "take over what the superuser owns",
       .sql = "REASSIGN OWNED BY howdah_admin TO user_template",
       .superuser = "2BP01"},
      {.name = "drop what the superuser owns",
       .sql = "DROP OWNED BY howdah_admin",
       .superuser = "2BP01"},
      {.name = "read the passwords", .sql = "SELECT rolpassword FROM pg_authid"},
      {.name = "read the passwords through the old view", .sql = "SELECT passwd FROM pg_shadow"},
      {.name = "write a role into the catalog", .sql = "UPDATE pg_authid SET rolsuper = rolsuper"},
      {.name = "allow a parameter to oneself",
       .sql = "GRANT SET ON PARAMETER log_statement TO user_template",
       .from = 15,
       .undo = "REVOKE SET ON PARAMETER log_statement FROM user_template"},
      {.name = "allow ALTER SYSTEM to oneself",
       .sql = "GRANT ALTER SYSTEM ON PARAMETER work_mem TO user_template",
       .from = 15,
       .undo = "REVOKE ALTER SYSTEM ON PARAMETER work_mem FROM user_template"},
  };
  return probes;
}

inline const std::vector<Probe>& file_probes() {
  static const std::vector<Probe> probes{
      {.name = "read from a program", .sql = "COPY mine FROM PROGRAM 'true'"},
      {.name = "write to a program", .sql = "COPY (SELECT 1) TO PROGRAM 'cat >/dev/null'"},
      {.name = "read a file into a table", .sql = "COPY mine FROM '/etc/hostname'"},
      {.name = "write a file from a table", .sql = "COPY (SELECT 1) TO '/dev/null'"},
      {.name = "read a file", .sql = "SELECT pg_read_file('PG_VERSION')"},
      {.name = "read a file of bytes", .sql = "SELECT pg_read_binary_file('PG_VERSION')"},
      {.name = "list a directory", .sql = "SELECT pg_ls_dir('.')"},
      {.name = "look at a file", .sql = "SELECT pg_stat_file('PG_VERSION')"},
      {.name = "list the WAL", .sql = "SELECT pg_ls_waldir()"},
      {.name = "list temporary files", .sql = "SELECT pg_ls_tmpdir()"},
      {.name = "list what is archived", .sql = "SELECT pg_ls_archive_statusdir()"},
      {.name = "list logical snapshots", .sql = "SELECT pg_ls_logicalsnapdir()", .from = 15},
      {.name = "list logs", .sql = "SELECT pg_ls_logdir()", .superuser = "58P01"},
      {.name = "name the log", .sql = "SELECT pg_current_logfile()"},
      {.name = "import a file", .sql = "SELECT lo_import('/etc/hostname')"},
      {.name = "export to a file", .sql = "SELECT lo_export(lo_create(0), '/dev/null')"},
      {.name = "make a tablespace",
       .sql = "CREATE TABLESPACE elsewhere LOCATION '/nonexistent'",
       .superuser = "58P01"},
      {.name = "see where the data is", .sql = "SHOW data_directory"},
      {.name = "see where the settings are", .sql = "SHOW config_file"},
      {.name = "see where the rules of login are", .sql = "SHOW hba_file"},
      {.name = "see where the socket is", .sql = "SHOW unix_socket_directories"},
      {.name = "read the rules of login", .sql = "SELECT FROM pg_hba_file_rules"},
      {.name = "read the map of users", .sql = "SELECT FROM pg_ident_file_mappings", .from = 15},
      {.name = "read the settings' files", .sql = "SELECT FROM pg_file_settings"},
      {.name = "see how the server was built", .sql = "SELECT FROM pg_config"},
      {.name = "see shared memory", .sql = "SELECT FROM pg_shmem_allocations"},
      {.name = "see a session's memory",
       .sql = "SELECT FROM pg_backend_memory_contexts",
       .from = 14},
      {.name = "log another session's memory",
       .sql = "SELECT pg_log_backend_memory_contexts(pg_backend_pid())",
       .from = 14},
      {.name = "change the server's settings",
       .sql = "ALTER SYSTEM SET work_mem = '8MB'",
       .to = 16,
       .undo = "ALTER SYSTEM RESET work_mem"},
      {.name = "change the server's settings, which even a superuser cannot",
       .sql = "ALTER SYSTEM SET work_mem = '8MB'",
       .refused = "42501 0A000",
       .superuser = "0A000",
       .from = 17},
      {.name = "reload the settings", .sql = "SELECT pg_reload_conf()"},
      {.name = "rotate the log", .sql = "SELECT pg_rotate_logfile()"},
      {.name = "switch the WAL", .sql = "SELECT pg_switch_wal()"},
      {.name = "name a point of the WAL", .sql = "SELECT pg_create_restore_point('x')"},
      {.name = "begin a backup", .sql = "SELECT pg_start_backup('x')", .to = 14},
      {.name = "begin a backup", .sql = "SELECT pg_backup_start('x')", .from = 15},
      {.name = "keep the WAL by a slot",
       .sql = "SELECT pg_create_physical_replication_slot('x')",
       .undo = "SELECT pg_drop_replication_slot('x')"},
      {.name = "make an origin of replication", .sql = "SELECT pg_replication_origin_create('x')"},
      {.name = "forget the counters", .sql = "SELECT pg_stat_reset()"},
      {.name = "forget the shared counters", .sql = "SELECT pg_stat_reset_shared('bgwriter')"},
      {.name = "write a checkpoint", .sql = "CHECKPOINT"},
      {.name = "read statistics of columns past all rights", .sql = "SELECT FROM pg_statistic"},
      {.name = "read large objects past all rights", .sql = "SELECT FROM pg_largeobject"},
  };
  return probes;
}

inline const std::vector<Probe>& object_probes() {
  static const std::vector<Probe> probes{
      {.name = "load a library", .sql = "LOAD '$libdir/plpgsql'"},
      {.name = "a function in C",
       .sql = "CREATE FUNCTION c1() RETURNS language_handler LANGUAGE c "
              "AS '$libdir/plpgsql', 'plpgsql_call_handler'"},
      {.name = "a function of the server's inside",
       .sql = "CREATE FUNCTION i1(int, int) RETURNS int LANGUAGE internal AS 'int4pl'"},
      {.name = "let everybody write C",
       .sql = "UPDATE pg_language SET lanpltrusted = true WHERE lanname = 'c'",
       .undo = "UPDATE pg_language SET lanpltrusted = false WHERE lanname = 'c'"},
      {.name = "let oneself write C",
       .sql = "GRANT USAGE ON LANGUAGE c TO user_template",
       .refused = "42501 42809",
       .superuser = "42809"},
      {.name = "a language of one's own",
       .sql = "CREATE LANGUAGE mine_l HANDLER plpgsql_call_handler",
       .undo = "DROP LANGUAGE mine_l"},
      {.name = "change a function in the catalog", .sql = "UPDATE pg_proc SET proowner = proowner"},
      {.name = "a function in pg_catalog",
       .sql = "CREATE FUNCTION pg_catalog.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'"},
      {.name = "a function in pg_catalog replaced",
       .sql =
           "CREATE OR REPLACE FUNCTION pg_catalog.quote_ident(text) RETURNS text LANGUAGE internal "
           "IMMUTABLE STRICT PARALLEL SAFE AS 'quote_ident'"},
      {.name = "a table in pg_catalog", .sql = "CREATE TABLE pg_catalog.mine()"},
      {.name = "a table in information_schema", .sql = "CREATE TABLE information_schema.mine()"},
      {.name = "an event trigger",
       .sql =
           "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION howdah_guard_extensions()",
       .undo = "DROP EVENT TRIGGER e"},
      {.name = "a foreign-data wrapper",
       .sql = "CREATE FOREIGN DATA WRAPPER w",
       .undo = "DROP FOREIGN DATA WRAPPER w"},
      {.name = "an access method",
       .sql = "CREATE ACCESS METHOD a TYPE INDEX HANDLER bthandler",
       .undo = "DROP ACCESS METHOD a"},
      {.name = "a base type",
       .sql = "CREATE TYPE base; CREATE TYPE base (INPUT = textin, OUTPUT = textout)",
       .superuser = "42P13"},
      {.name = "an operator class",
       .sql = "CREATE OPERATOR CLASS oc FOR TYPE int4 USING btree AS OPERATOR 1 <, FUNCTION 1 "
              "btint4cmp(int4, int4)"},
      {.name = "a cast that looks at no value",
       .sql = "CREATE CAST (mine_t AS int4) WITHOUT FUNCTION",
       .superuser = "42P17"},
      {.name = "a parser of text",
       .sql = "CREATE TEXT SEARCH PARSER p (START = prsd_start, GETTOKEN = "
              "prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype)"},
      {.name = "a template of dictionaries",
       .sql = "CREATE TEXT SEARCH TEMPLATE t (LEXIZE = dsimple_lexize)"},
      {.name = "publish every table", .sql = "CREATE PUBLICATION p FOR ALL TABLES"},
      {.name = "subscribe to somewhere",
       .sql = "CREATE SUBSCRIPTION s CONNECTION 'host=/nonexistent dbname=x' PUBLICATION p "
              "WITH (connect = false)",
       .undo = "ALTER SUBSCRIPTION s SET (slot_name = NONE); DROP SUBSCRIPTION s"},
      {.name = "collations of the system",
       .sql = "SELECT pg_import_system_collations('pg_catalog')"},
      {.name = "drop the guard",
       .sql = "DROP EVENT TRIGGER howdah_guard_extensions",
       .superuser = "2BP01"},
      {.name = "switch the guard off",
       .sql = "ALTER EVENT TRIGGER howdah_guard_extensions DISABLE",
       .undo = "ALTER EVENT TRIGGER howdah_guard_extensions ENABLE ALWAYS"},
      {.name = "take the guard out of plpgsql",
       .sql = "ALTER EXTENSION plpgsql DROP EVENT TRIGGER howdah_guard_extensions",
       .undo = "ALTER EXTENSION plpgsql ADD EVENT TRIGGER howdah_guard_extensions"},
      {.name = "drop plpgsql, and the guard with it", .sql = "DROP EXTENSION plpgsql CASCADE"},
  };
  return probes;
}

inline const std::vector<Probe>& setting_probes() {
  static const std::vector<Probe> probes{
      {.name = "a library for each session",
       .sql = "SET session_preload_libraries = 'auto_explain'"},
      {.name = "a library for each session of the database",
       .sql = "ALTER DATABASE tenant_template SET session_preload_libraries = 'x'",
       .undo = "ALTER DATABASE tenant_template RESET ALL"},
      {.name = "a library for each session of the role",
       .sql = "ALTER ROLE user_template SET session_preload_libraries = 'x'",
       .undo = "ALTER ROLE user_template RESET ALL"},
      {.name = "a library for the server",
       .sql = "SET shared_preload_libraries = 'x'",
       .refused = "55P02 42501",
       .superuser = "55P02"},
      {.name = "another place of libraries", .sql = "SET dynamic_library_path = '/tmp'"},
      {.name = "another place of extensions",
       .sql = "SET extension_control_path = '/tmp'",
       .from = 18},
      {.name = "no event triggers", .sql = "SET event_triggers = off", .from = 17},
      {.name = "no triggers", .sql = "SET session_replication_role = replica"},
      {.name = "no triggers in the database",
       .sql = "ALTER DATABASE tenant_template SET session_replication_role = replica",
       .undo = "ALTER DATABASE tenant_template RESET ALL"},
      {.name = "changes to the system's tables", .sql = "SET allow_system_table_mods = on"},
      {.name = "what is logged", .sql = "SET log_statement = 'all'"},
      {.name = "what is logged in the database",
       .sql = "ALTER DATABASE tenant_template SET log_statement = 'all'",
       .undo = "ALTER DATABASE tenant_template RESET ALL"},
      {.name = "how much is logged", .sql = "SET log_min_messages = 'debug5'"},
      {.name = "which errors are logged", .sql = "SET log_min_error_statement = 'error'"},
      {.name = "damaged pages as empty ones", .sql = "SET zero_damaged_pages = on"},
      {.name = "large objects of others", .sql = "SET lo_compat_privileges = on"},
      {.name = "any amount of temporary files", .sql = "SET temp_file_limit = -1"},
      {.name = "a session that nobody sees", .sql = "SET track_activities = off"},
      {.name = "a deeper stack", .sql = "SET max_stack_depth = '1MB'"},
      {.name = "no fsync",
       .sql = "SET fsync = off",
       .refused = "55P02 42501",
       .superuser = "55P02"},
      {.name = "no sockets of the platform's",
       .sql = "SET unix_socket_directories = '/tmp'",
       .refused = "55P02 42501",
       .superuser = "55P02"},
      {.name = "other rules of login",
       .sql = "SET hba_file = '/tmp/x'",
       .refused = "55P02 42501",
       .superuser = "55P02"},
  };
  return probes;
}

// In the platform's own logical database.
inline const std::vector<Probe>& platform_database_probes() {
  static const std::vector<Probe> probes{
      {.name = "a table", .sql = "CREATE TABLE public.t()", .database = "postgres"},
      {.name = "a temporary table", .sql = "CREATE TEMP TABLE t()", .database = "postgres"},
      {.name = "a schema", .sql = "CREATE SCHEMA s", .database = "postgres"},
      {.name = "a function",
       .sql = "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
       .database = "postgres"},
      {.name = "a large object", .sql = "SELECT lo_create(0)", .database = "postgres"},
      {.name = "a large object of bytes",
       .sql = "SELECT lo_from_bytea(0, 'x')",
       .database = "postgres"},
      {.name = "a large object in the old way",
       .sql = "SELECT lo_creat(-1)",
       .database = "postgres"},
      {.name = "a trusted extension", .sql = "CREATE EXTENSION citext", .database = "postgres"},
      {.name = "a publication", .sql = "CREATE PUBLICATION p", .database = "postgres"},
      {.name = "what the monitor may call",
       .sql = "SELECT * FROM howdah.database_sizes()",
       .database = "postgres"},
  };
  return probes;
}

// Extensions: what is not there for a server is not tried. The superuser, too, meets the guard.
inline const std::vector<std::string_view>& refused_extensions() {
  static const std::vector<std::string_view> names{
      "adminpack",      "amcheck",     "dblink",        "file_fdw",      "pageinspect",
      "pg_buffercache", "pg_prewarm",  "pg_surgery",    "pg_visibility", "pg_walinspect",
      "pgrowlocks",     "pgstattuple", "postgres_fdw",  "old_snapshot",  "sslinfo",
      "plperl",         "plperlu",     "plpython3u",    "pltcl",         "pltclu",
      "jsonb_plperl",   "bool_plperl", "hstore_plperl", "xml2",          "refint",
      "pg_freespacemap"};
  return names;
}

}  // namespace howdah::instance::testing
