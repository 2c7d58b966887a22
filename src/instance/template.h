// SPDX-License-Identifier: Apache-2.0
// The data directory every new database is a clone of: made once for each major with initdb, with
// the two logical databases and the owner role under placeholder names, and stopped cleanly. So
// making a database runs neither initdb nor CREATE DATABASE.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "instance/place.h"
#include "instance/postgres_installation.h"
#include "net/task.h"
#include "os/process.h"

namespace howdah::instance {

// Grows when the content below changes; a template of another format is made anew.
inline constexpr int kTemplateFormat = 1;

inline constexpr std::string_view kTemplateOwner = "user_template";
inline constexpr std::string_view kTemplateDatabase = "tenant_template";
inline constexpr std::string_view kTemplateShadow = "tenant_template_shadow";

struct TemplateRequest {
  PostgresInstallation installation;
  // place.data() is an empty directory, owned by `user` (the volume driver made it).
  InstancePlace place;
  // As root: whom initdb runs as. It must have a name in /etc/passwd: "howdah".
  std::optional<os::UserIds> user;
  std::string agent_user;  // OS user of this process: "root", or the caller
};

// Name of the folder below templates/: "15-1" for major 15, format 1.
std::string template_name(int pg_major);

// False when it is missing, half-made or of another format: then empty the place and build it.
bool template_is_ready(const InstancePlace& place);

// Before the place is emptied: ends what is left of a build whose agent was killed, which would go
// on in there for a while. uids: whom it may have run as. Errors: timeout.
Task<void> end_unfinished_build(asio::thread_pool& pool, InstancePlace place,
                                std::vector<uid_t> uids);

// Builds it and makes it durable; the mark that template_is_ready() looks for comes last.
// Errors: instance_failed with initdb's words in `detail`. Cost: about a second.
Task<void> build_template(asio::thread_pool& pool, TemplateRequest request);

}  // namespace howdah::instance
