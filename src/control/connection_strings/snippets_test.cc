// SPDX-License-Identifier: Apache-2.0
#include "control/connection_strings/snippets.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace howdah::control {
namespace {

Login login() {
  Login made;
  made.host = "db.example.org";
  made.slug = "k3v9x2ab";
  made.user = "user_k3v9x2ab";
  made.password = "secret";
  return made;
}

Snippet snippet(std::string_view client) {
  const auto all = make_snippets(login(), "/etc/howdah-ca.crt");
  const auto found = std::ranges::find(all, client, &Snippet::client);
  return found == all.end() ? Snippet{} : *found;
}

TEST(Snippets, every_client_of_the_contract_has_one_in_its_order) {
  std::string clients;
  for (const Snippet& one : make_snippets(login(), "ca.crt")) clients.append(one.client) += ' ';
  EXPECT_EQ(clients,
            "psql .env prisma drizzle node-pg postgres.js psycopg sqlalchemy django jdbc pgx rails "
            "laravel dotnet ");
}

TEST(Snippets, each_names_host_port_database_user_password_and_ca) {
  for (const Snippet& one : make_snippets(login(), "/etc/howdah-ca.crt")) {
    for (const std::string& text : {one.direct, one.pooled}) {
      for (const char* part :
           {"db.example.org", "tenant_k3v9x2ab", "user_k3v9x2ab", "secret", "/etc/howdah-ca.crt"}) {
        EXPECT_NE(text.find(part), std::string::npos) << one.client << " lacks " << part;
      }
    }
    EXPECT_NE(one.direct.find("5432"), std::string::npos) << one.client;
    EXPECT_NE(one.pooled.find("6432"), std::string::npos) << one.client;
  }
}

TEST(Snippets, libpq_clients_verify_and_get_no_parameter_they_refuse) {
  for (const char* client : {"psql", "psycopg", "sqlalchemy", "pgx", ".env"}) {
    const Snippet one = snippet(client);
    for (const std::string& text : {one.direct, one.pooled}) {
      EXPECT_NE(text.find("sslmode=verify-full&sslrootcert=/etc/howdah-ca.crt"), std::string::npos)
          << text;
      EXPECT_EQ(text.find("pgbouncer"), std::string::npos) << text;
    }
  }
}

TEST(Snippets, psql_is_one_command) {
  EXPECT_EQ(snippet("psql").direct,
            "psql \"postgresql://user_k3v9x2ab:secret@db.example.org:5432/tenant_k3v9x2ab"
            "?sslmode=verify-full&sslrootcert=/etc/howdah-ca.crt\"");
}

TEST(Snippets, jdbc_and_dotnet_have_their_own_form) {
  EXPECT_EQ(snippet("jdbc").pooled,
            "jdbc:postgresql://db.example.org:6432/tenant_k3v9x2ab?user=user_k3v9x2ab"
            "&password=secret&sslmode=verify-full&sslrootcert=/etc/howdah-ca.crt");
  EXPECT_EQ(snippet("dotnet").direct,
            "Host=db.example.org;Port=5432;Database=tenant_k3v9x2ab;Username=user_k3v9x2ab;"
            "Password=secret;SSL Mode=VerifyFull;Root Certificate=/etc/howdah-ca.crt");
}

TEST(Snippets, node_postgres_gets_the_ca_as_an_object) {
  const std::string code = snippet("node-pg").direct;
  EXPECT_NE(code.find("ssl: { ca: readFileSync(\"/etc/howdah-ca.crt\", \"utf8\") },"),
            std::string::npos)
      << code;
  EXPECT_NE(code.find("uselibpqcompat=true"), std::string::npos);
}

TEST(Snippets, prisma_migrates_directly_and_against_the_separate_shadow) {
  const std::string code = snippet("prisma").pooled;
  EXPECT_NE(code.find("DATABASE_URL=\"postgresql://user_k3v9x2ab:secret@db.example.org:6432/"),
            std::string::npos);
  EXPECT_NE(code.find("DIRECT_URL=\"postgresql://user_k3v9x2ab:secret@db.example.org:5432/"),
            std::string::npos);
  EXPECT_NE(code.find("/tenant_k3v9x2ab_shadow?"), std::string::npos);
  EXPECT_EQ(snippet("prisma").direct.find(":6432/"), std::string::npos);
}

TEST(Snippets, prisma_gets_each_url_in_the_words_of_who_reads_it) {
  const std::string code = snippet("prisma").pooled;
  // node-postgres, which would take sslcert for the client's own certificate
  EXPECT_NE(code.find(":6432/tenant_k3v9x2ab?sslmode=verify-full&sslrootcert=/etc/howdah-ca.crt\""),
            std::string::npos)
      << code;
  // the schema engine
  const std::string engine = "?sslmode=require&sslaccept=strict&sslcert=/etc/howdah-ca.crt";
  EXPECT_NE(code.find("5432/tenant_k3v9x2ab" + engine + "\""), std::string::npos) << code;
  EXPECT_NE(code.find("_shadow" + engine), std::string::npos) << code;
}

TEST(Snippets, the_schema_of_prisma_7_holds_no_url) {
  const std::string code = snippet("prisma").direct;
  EXPECT_NE(code.find("datasource db {\n  provider = \"postgresql\"\n}\n"), std::string::npos)
      << code;
  EXPECT_NE(code.find("url: env(\"DIRECT_URL\")"), std::string::npos) << code;
}

TEST(Snippets, sqlalchemy_names_a_driver_that_all_its_versions_have) {
  EXPECT_NE(snippet("sqlalchemy").direct.find("\"postgresql+psycopg2://user_k3v9x2ab:secret@"),
            std::string::npos);
}

TEST(Snippets, a_ca_path_that_would_need_quoting_is_not_plain) {
  EXPECT_TRUE(is_plain_path("/etc/howdah-ca.crt"));
  for (const char* path : {"", "a b", "a\"b", "$(x)", "a'b", "a;b", "a\nb", "ä"}) {
    EXPECT_FALSE(is_plain_path(path)) << path;
  }
  EXPECT_TRUE(is_plain_path(std::string(200, 'a')));
  EXPECT_FALSE(is_plain_path(std::string(201, 'a')));
}

}  // namespace
}  // namespace howdah::control
