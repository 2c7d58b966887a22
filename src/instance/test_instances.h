// SPDX-License-Identifier: Apache-2.0
// Real instances for *_pgtest.cc: one template for each installed major, plain copies of it as
// clones, and the promise that nothing is left behind, neither process nor file.
// HOWDAH_TEST_POSTGRES_DIRS (folders separated by ':') adds servers that Debian does not have.
#pragma once
#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "instance/detail/instance_lock.h"
#include "instance/instance_process.h"
#include "instance/provision_store.h"
#include "instance/template.h"

namespace howdah::instance::testing {

inline const std::vector<PostgresInstallation>& installations() {
  static const auto found = [] {
    InstallationSearch search;
    if (const char* directories = std::getenv("HOWDAH_TEST_POSTGRES_DIRS")) {
      std::istringstream list(directories);
      for (std::string one; std::getline(list, one, ':');) {
        search.extra_directories.emplace_back(one);
      }
    }
    auto result = find_installations(search);
    if (!result) throw std::runtime_error(result.error().to_log());
    return std::move(*result);
  }();
  return found;
}

template <typename T>
T require(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_log());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

inline double ms_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

// One folder below /tmp with everything of one test program or test.
class Instances {
 public:
  Instances() : pool_(2) {
    std::string name = "/tmp/hi-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    folder_ = name;
    require(os::make_directory(folder_, 0755));
  }
  ~Instances() {
    templates_.clear();
    remove_clones();
    pool_.join();
    (void)os::remove_tree(folder_);
  }
  Instances(const Instances&) = delete;
  Instances& operator=(const Instances&) = delete;

  asio::thread_pool& pool() { return pool_; }
  asio::io_context& context() { return context_; }
  const os::Path& folder() const { return folder_; }

  // Ends and removes everything but the templates.
  void remove_clones() {
    for (const auto& [place, user] : places_) {
      (void)detail::kill_holders(place, {user ? user->uid : ::getuid()});
      const bool kept = std::any_of(templates_.begin(), templates_.end(), [&](const auto& one) {
        return one.second && one.second->directory == place.directory;
      });
      if (!kept) (void)os::remove_tree(place.directory);
    }
    places_.clear();
  }

  // Runs a task to its end on this thread.
  template <typename T>
  Result<T> run(Task<T> task) {
    std::optional<Result<T>> result;
    context_.restart();
    asio::co_spawn(context_, keep(std::move(task), result), rethrow);
    context_.run();
    return std::move(*result);
  }

  static bool is_root() { return ::getuid() == 0; }
  static std::string agent_user() { return os::user_name(::getuid()).value_or("root"); }
  // A user of this machine that stands for the gate's.
  static std::string gate_user() { return is_root() ? "daemon" : agent_user(); }

  // A new uid for each instance, as the node gives them; the caller's own without root.
  std::optional<os::UserIds> next_user() {
    if (!is_root()) return std::nullopt;
    const uid_t uid = 1'000'000'000 + static_cast<uid_t>(::getpid() % 10'000) * 100 + next_++;
    return os::UserIds{uid, uid};
  }

  InstancePlace new_place(const std::string& name, std::optional<os::UserIds> user) {
    InstancePlace place{folder_ / name, folder_ / ("s" + name)};
    require(os::make_directory(place.directory, 0755));
    places_.emplace_back(place, user);
    return place;
  }

  // The template of a major, built at the first call.
  const InstancePlace& template_of(const PostgresInstallation& installation) {
    auto& place = templates_[installation.major];
    if (place) return *place;
    TemplateRequest request;
    request.installation = installation;
    request.agent_user = agent_user();
    if (is_root()) request.user = os::find_user("nobody");
    request.place = new_place("t" + template_name(installation.major), request.user);
    require(os::make_directory(request.place.data(), 0700));
    if (request.user) {
      require(os::change_owner(request.place.data(), request.user->uid, request.user->gid));
    }
    require(run(build_template(pool_, request)));
    place = request.place;
    return *place;
  }

  // A stopped copy of the template with a user of its own; its identity is still the template's.
  StartRequest clone(const PostgresInstallation& installation) {
    const InstancePlace& source = template_of(installation);
    StartRequest request;
    request.installation = installation;
    request.user = next_user();
    request.place = new_place("i" + std::to_string(next_place_++), request.user);
    request.config.pg_major = installation.major;
    request.config.platform_users = {agent_user()};
    request.config.gate_users = {gate_user()};
    if (is_root()) request.config.gate_users.push_back(agent_user());
    request.config.roles = {std::string(kTemplateOwner)};
    copy(source.data(), request.place.data());
    if (request.user) {
      require(os::change_owner_tree(request.place.data(), request.user->uid, request.user->gid));
    }
    return request;
  }

  static void copy(const os::Path& from, const os::Path& to) {
    os::SpawnOptions options;
    options.arguments = {"/bin/cp", "-a", from.string(), to.string()};
    const os::Output output = require(os::run(options, 60'000));
    if (output.exit_code != 0) throw std::runtime_error(output.text);
  }

  Result<std::shared_ptr<InstanceProcess>> start(const StartRequest& request) {
    return run(InstanceProcess::start(pool_, request));
  }

  // As a tenant's client: with the settings that are attached, and none of the platform's.
  static pg::ConnectOptions tenant_options(const StartRequest& request, std::string database,
                                           std::string role) {
    pg::ConnectOptions options;
    options.socket_directory = request.place.socket_directory.string();
    options.user = std::move(role);
    options.database = std::move(database);
    options.options = "-c search_path=public";
    return options;
  }

  // The first cell of a statement's first row; role: howdah_admin unless given.
  Result<std::string> ask(const StartRequest& request, std::string sql,
                          std::string database = "postgres", std::string role = {}) {
    pg::ConnectOptions options = role.empty() ? admin_options(request.place, std::move(database))
                                              : tenant_options(request, std::move(database), role);
    return run(ask_on(std::move(options), std::move(sql)));
  }

 private:
  template <typename T>
  static asio::awaitable<void> keep(Task<T> task, std::optional<Result<T>>& result) {
    result = co_await std::move(task);
  }
  static void rethrow(std::exception_ptr exception) {
    if (exception) std::rethrow_exception(exception);
  }
  static Task<std::string> ask_on(pg::ConnectOptions options, std::string sql) {
    HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(std::move(options)));
    HOWDAH_CO_TRY(const pg::Rows rows, co_await connection.query(std::move(sql)));
    if (rows.empty() || rows.columns().empty()) co_return std::string();
    co_return rows.text(0, rows.columns().front());
  }

  asio::io_context context_;
  asio::thread_pool pool_;
  os::Path folder_;
  std::map<int, std::optional<InstancePlace>> templates_;
  std::vector<std::pair<InstancePlace, std::optional<os::UserIds>>> places_;
  uid_t next_ = 0;
  int next_place_ = 0;
};

// A suite that runs once for each installed major.
class InstanceTest : public ::testing::TestWithParam<PostgresInstallation> {
 protected:
  static void SetUpTestSuite() { instances_ = std::make_unique<Instances>(); }
  static void TearDownTestSuite() { instances_.reset(); }
  // Data that is gone before it reaches the disk is not written by the next test's syncfs.
  void TearDown() override { all().remove_clones(); }
  static Instances& all() { return *instances_; }
  const PostgresInstallation& postgres() const { return GetParam(); }
  StartRequest clone() { return all().clone(postgres()); }
  // A running clone.
  std::pair<StartRequest, std::shared_ptr<InstanceProcess>> running() {
    StartRequest request = clone();
    auto process = require(all().start(request));
    return {std::move(request), std::move(process)};
  }
  static bool lock_is_free(const StartRequest& request) {
    return require(detail::take_lock(request.place)).has_value();
  }

 private:
  static inline std::unique_ptr<Instances> instances_;
};

}  // namespace howdah::instance::testing

namespace howdah::instance {
// In the names of failed tests, instead of its bytes.
inline void PrintTo(const PostgresInstallation& installation, std::ostream* out) {
  *out << "PostgreSQL " << installation.version;
}
}  // namespace howdah::instance

namespace howdah::instance::testing {

inline std::string major_name(const ::testing::TestParamInfo<PostgresInstallation>& info) {
  return "pg" + std::to_string(info.param.major);
}

#define HOWDAH_FOR_EACH_MAJOR(suite)                                                          \
  INSTANTIATE_TEST_SUITE_P(postgres, suite,                                                   \
                           ::testing::ValuesIn(::howdah::instance::testing::installations()), \
                           ::howdah::instance::testing::major_name)

}  // namespace howdah::instance::testing
