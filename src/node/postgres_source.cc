// SPDX-License-Identifier: Apache-2.0
#include "node/postgres_source.h"

#include <utility>

#include "instance/server_log.h"

namespace howdah::node {
namespace {

class RealPostmaster : public Postmaster {
 public:
  RealPostmaster(Environment& environment, std::shared_ptr<instance::InstanceProcess> process,
                 instance::InstancePlace place)
      : environment_(environment), process_(std::move(process)), place_(std::move(place)) {}

  pid_t pid() const override { return process_->pid(); }
  Task<instance::ExitReport> wait_exit() override { return process_->wait_exit(); }
  Task<instance::ExitReport> stop() override { return clean_up(process_->stop()); }
  // Not SIGKILL at first: PostgreSQL gives back its shared memory when it is told to quit.
  Task<instance::ExitReport> kill() override {
    return clean_up(process_->stop({.fast = milliseconds{0}}));
  }
  Task<void> set_read_only(Manifest manifest, bool read_only) override {
    instance::InstanceConfig config = environment_.instance_config(manifest);
    config.read_only = read_only;
    return process_->reload(std::move(config));
  }

 private:
  // A socket directory means "may run" to the next agent, which looks at these only.
  Task<instance::ExitReport> clean_up(Task<instance::ExitReport> end) {
    HOWDAH_CO_TRY(auto report, co_await std::move(end));
    HOWDAH_CO_CHECK(co_await net::offload(environment_.pool, [this] {
      (void)os::remove_tree(place_.socket_directory);
      // Also what let go of the lock: nothing of it runs any more.
      return environment_.sandbox->release(instance::sandbox_name(place_));
    }));
    co_return report;
  }

  Environment& environment_;
  std::shared_ptr<instance::InstanceProcess> process_;
  const instance::InstancePlace place_;
};

}  // namespace

std::shared_ptr<Postmaster> PostgresSource::wrap(std::shared_ptr<instance::InstanceProcess> process,
                                                 const Manifest& manifest) {
  return std::make_shared<RealPostmaster>(environment_, std::move(process),
                                          environment_.place_of(manifest.id));
}

Result<instance::StartRequest> start_request(const Environment& environment,
                                             const Manifest& manifest) {
  instance::StartRequest request =
      environment.start_request(manifest, environment.place_of(manifest.id));
  HOWDAH_TRY(request.installation,
             instance::choose_installation(environment.installations, manifest.pg_major));
  return request;
}

Task<std::shared_ptr<Postmaster>> PostgresSource::start(Manifest manifest) {
  HOWDAH_CO_TRY(auto request, start_request(environment_, manifest));
  const std::string name = instance::sandbox_name(request.place);
  auto process = co_await instance::InstanceProcess::start(environment_.pool, std::move(request));
  if (!process) {
    (void)co_await net::offload(
        environment_.pool,
        std::bind_front(&os::Sandbox::release, environment_.sandbox.get(), name));
    co_return std::unexpected(std::move(process).error());
  }
  co_return wrap(std::move(*process), manifest);
}

Task<std::shared_ptr<Postmaster>> PostgresSource::adopt(Manifest manifest) {
  HOWDAH_CO_TRY(auto process, co_await instance::InstanceProcess::adopt(
                                  environment_.pool, environment_.place_of(manifest.id),
                                  environment_.user_of(manifest.uid)));
  if (!process) co_return std::shared_ptr<Postmaster>();
  co_return wrap(std::move(process), manifest);
}

asio::awaitable<std::string> PostgresSource::log_tail(Manifest manifest) {
  const os::Path log = environment_.place_of(manifest.id).log();
  co_return co_await net::offload(environment_.pool,
                                  std::bind_front(&instance::last_log_lines, log, ByteCount{0}));
}

}  // namespace howdah::node
