// SPDX-License-Identifier: Apache-2.0
#include "control/connection_strings/snippets.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/names.h"

namespace howdah::control {
namespace {

// What one snippet is made of: a port and everything about the login. The texts below use the
// names {host} {port} {database} {user} {password} {ca} {url} and {verified}.
class Place {
 public:
  Place(const Login& login, std::uint16_t port, const std::string& ca_file)
      : login_(login),
        port_(port),
        ca_(ca_file),
        database_(tenant_database(login.slug)),
        url_(base_url(login, port, database_)),
        verified_(url_ + "?sslmode=verify-full&sslrootcert=" + ca_file) {}

  template <typename... More>
  std::string fill(std::string_view text, const More&... more) const {
    return fmt::format(fmt::runtime(text), fmt::arg("host", login_.host), fmt::arg("port", port_),
                       fmt::arg("database", database_), fmt::arg("user", login_.user),
                       fmt::arg("password", login_.password), fmt::arg("ca", ca_),
                       fmt::arg("url", url_), fmt::arg("verified", verified_), more...);
  }
  bool pooled() const { return port_ == login_.pooled_port && port_ != login_.direct_port; }
  // The URL part behind the scheme, for clients with a scheme of their own.
  std::string url_rest() const { return verified_.substr(verified_.find("://")); }

 private:
  const Login& login_;
  std::uint16_t port_;
  const std::string& ca_;
  std::string database_;
  std::string url_;
  std::string verified_;
};

std::string psql(const Place& place) {
  return place.fill("psql \"{verified}\"");
}

// The schema engine of Prisma connects by a driver of its own that reads other parameters (sslcert
// is the CA).
std::string engine_url(const Login& login, const std::string& database,
                       const std::string& ca_file) {
  return base_url(login, login.direct_port, database) +
         "?sslmode=require&sslaccept=strict&sslcert=" + ca_file;
}

std::string engine_shadow_url(const Login& login, const std::string& ca_file) {
  return engine_url(login, shadow_database(login.slug), ca_file) + "&schema=public";
}

// What `howdah env pull` writes: for applications, and for Prisma's command line.
std::string dotenv(const Place& place, const Login& login, const std::string& ca_file) {
  return place.fill(R"(DATABASE_URL="{verified}"
DIRECT_URL="{direct}"
SHADOW_DATABASE_URL="{shadow}"
PGHOST={host}
PGPORT={port}
PGDATABASE={database}
PGUSER={user}
PGPASSWORD={password}
PGSSLMODE=verify-full
PGSSLROOTCERT={ca})",
                    fmt::arg("direct", engine_url(login, tenant_database(login.slug), ca_file)),
                    fmt::arg("shadow", engine_shadow_url(login, ca_file)));
}

// Prisma 7: its client connects by node-postgres. Up to 6, the engine does both and needs to be
// told of a pooler.
std::string prisma(const Place& place, const Login& login, const std::string& ca_file) {
  const std::string database = tenant_database(login.slug);
  const std::string direct = engine_url(login, database, ca_file);
  Login pooler = login;
  pooler.direct_port = login.pooled_port;
  const std::string up_to_6 =
      place.pooled() ? engine_url(pooler, database, ca_file) + "&pgbouncer=true" : direct;
  return place.fill(
      R"~(# .env
DATABASE_URL="{verified}"
DIRECT_URL="{direct}"
SHADOW_DATABASE_URL="{shadow}"

// prisma.config.ts
import "dotenv/config";
import {{ defineConfig, env }} from "prisma/config";

export default defineConfig({{
  schema: "prisma/schema.prisma",
  datasource: {{
    url: env("DIRECT_URL"),
    shadowDatabaseUrl: env("SHADOW_DATABASE_URL"),
  }},
}});

// prisma/schema.prisma
datasource db {{
  provider = "postgresql"
}}

// db.ts
import {{ PrismaPg }} from "@prisma/adapter-pg";

const adapter = new PrismaPg({{ connectionString: process.env.DATABASE_URL }});
// Then: new PrismaClient({{ adapter }})
// Prisma 6 and older have no prisma.config.ts: in schema.prisma, url = env("DATABASE_URL"),
// directUrl = env("DIRECT_URL"), shadowDatabaseUrl = env("SHADOW_DATABASE_URL"), and
// DATABASE_URL="{up_to_6}")~",
      fmt::arg("direct", direct), fmt::arg("shadow", engine_shadow_url(login, ca_file)),
      fmt::arg("up_to_6", up_to_6));
}

std::string drizzle(const Place& place) {
  return place.fill(R"~(import {{ readFileSync }} from "node:fs";
import {{ defineConfig }} from "drizzle-kit";

export default defineConfig({{
  dialect: "postgresql",
  schema: "./src/schema.ts",
  out: "./drizzle",
  dbCredentials: {{
    host: "{host}",
    port: {port},
    user: "{user}",
    password: "{password}",
    database: "{database}",
    ssl: {{ ca: readFileSync("{ca}", "utf8") }},
  }},
}});)~");
}

// With a URL, node-postgres takes sslmode=require for verify-full against the system's CAs.
std::string node_pg(const Place& place) {
  return place.fill(R"~(import {{ readFileSync }} from "node:fs";
import pg from "pg";

const pool = new pg.Pool({{
  host: "{host}",
  port: {port},
  user: "{user}",
  password: "{password}",
  database: "{database}",
  ssl: {{ ca: readFileSync("{ca}", "utf8") }},
}});
// As one URL: {url}?uselibpqcompat=true&sslmode=verify-full&sslrootcert={ca})~");
}

std::string postgres_js(const Place& place) {
  return place.fill(R"~(import {{ readFileSync }} from "node:fs";
import postgres from "postgres";

const sql = postgres("{url}", {{
  ssl: {{ ca: readFileSync("{ca}", "utf8") }},
}});)~");
}

std::string psycopg(const Place& place) {
  return place.fill(R"~(import psycopg

connection = psycopg.connect("{verified}"))~");
}

// psycopg 2 is the driver that SQLAlchemy 1.4 and 2 both have.
std::string sqlalchemy(const Place& place) {
  return place.fill(R"~(from sqlalchemy import create_engine

engine = create_engine("postgresql+psycopg2{rest}")
# SQLAlchemy 2 with psycopg 3: "postgresql+psycopg://...")~",
                    fmt::arg("rest", place.url_rest()));
}

std::string django(const Place& place) {
  return place.fill(
      R"(DATABASES = {{
    "default": {{
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "{host}",
        "PORT": {port},
        "NAME": "{database}",
        "USER": "{user}",
        "PASSWORD": "{password}",
        "OPTIONS": {{"sslmode": "verify-full", "sslrootcert": "{ca}"}},{more}
    }}
}})",
      fmt::arg("more", place.pooled() ? "\n        \"DISABLE_SERVER_SIDE_CURSORS\": True," : ""));
}

std::string jdbc(const Place& place, const Login& login) {
  return place.fill(
      "jdbc:postgresql://{bracketed}:{port}/{database}?user={user}&password={password}"
      "&sslmode=verify-full&sslrootcert={ca}",
      fmt::arg("bracketed", url_host(login.host)));
}

std::string pgx(const Place& place) {
  return place.fill(R"~(connection, err := pgx.Connect(ctx, "{verified}"))~");
}

std::string rails(const Place& place) {
  return place.fill(R"(production:
  adapter: postgresql
  host: {host}
  port: {port}
  database: {database}
  username: {user}
  password: "{password}"
  sslmode: verify-full
  sslrootcert: {ca}{more})",
                    fmt::arg("more", place.pooled() ? "\n  advisory_locks: false" : ""));
}

std::string laravel(const Place& place) {
  return place.fill(R"(# .env
DB_CONNECTION=pgsql
DB_HOST={host}
DB_PORT={port}
DB_DATABASE={database}
DB_USERNAME={user}
DB_PASSWORD={password}

// config/database.php, in 'pgsql'
'sslmode' => 'verify-full',
'sslrootcert' => '{ca}',)");
}

std::string dotnet(const Place& place) {
  return place.fill(
      "Host={host};Port={port};Database={database};Username={user};Password={password};"
      "SSL Mode=VerifyFull;Root Certificate={ca}");
}

}  // namespace

std::vector<Snippet> make_snippets(const Login& login, const std::string& ca_file) {
  const Place direct(login, login.direct_port, ca_file);
  const Place pooled(login, login.pooled_port, ca_file);
  std::vector<Snippet> list;
  const auto add = [&](std::string_view client, std::string_view language, std::string_view file,
                       auto make) {
    list.push_back({client, language, file, make(direct), make(pooled)});
  };
  add("psql", "shell", "", psql);
  add(".env", "shell", ".env", [&](const Place& place) { return dotenv(place, login, ca_file); });
  add("prisma", "prisma", "prisma/schema.prisma",
      [&](const Place& place) { return prisma(place, login, ca_file); });
  add("drizzle", "typescript", "drizzle.config.ts", drizzle);
  add("node-pg", "javascript", "", node_pg);
  add("postgres.js", "javascript", "", postgres_js);
  add("psycopg", "python", "", psycopg);
  add("sqlalchemy", "python", "", sqlalchemy);
  add("django", "python", "settings.py", django);
  add("jdbc", "text", "", [&](const Place& place) { return jdbc(place, login); });
  add("pgx", "go", "", pgx);
  add("rails", "yaml", "config/database.yml", rails);
  add("laravel", "php", "config/database.php", laravel);
  add("dotnet", "text", "appsettings.json", dotnet);
  return list;
}

bool is_plain_path(std::string_view path) {
  return !path.empty() && path.size() <= 200 && std::ranges::all_of(path, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == '/' || c == '-';
  });
}

}  // namespace howdah::control
