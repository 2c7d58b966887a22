// SPDX-License-Identifier: Apache-2.0
#include "control/service/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "net/listener.h"

namespace howdah::control {
namespace {

Result<std::uint16_t> port(const Flags& flags, std::string_view name, std::int64_t fallback) {
  HOWDAH_TRY(const std::int64_t number, flags.integer(name, fallback, 0, 65'535));
  return static_cast<std::uint16_t>(number);
}

}  // namespace

const std::vector<std::string_view>& Config::flag_names() {
  static const std::vector<std::string_view> names{
      "data-dir",    "runtime-dir", "listen",  "http-port", "direct-port",
      "pooled-port", "public-host", "domain",  "owner-uid", "preset-key-file",
      "environment", "rate-limit",  "ready-fd"};
  return names;
}

Result<Config> Config::from_flags(const Flags& flags) {
  Config config;
  HOWDAH_TRY(config.data_dir, flags.required("data-dir"));
  HOWDAH_TRY(config.runtime_dir, flags.required("runtime-dir"));
  config.listen = flags.list("listen", "127.0.0.1");
  for (const std::string& address : config.listen) {
    error_code error;
    asio::ip::make_address(address, error);
    if (error) {
      return fail(ErrorCode::config_invalid,
                  fmt::format("flag --listen: '{}' is no IP address", address));
    }
  }
  if (config.listen.empty()) return fail(ErrorCode::config_invalid, "flag --listen is empty");
  HOWDAH_TRY(config.http_port, port(flags, "http-port", 3000));
  HOWDAH_TRY(config.direct_port, port(flags, "direct-port", 5432));
  HOWDAH_TRY(config.pooled_port, port(flags, "pooled-port", 6432));
  config.public_host = flags.text("public-host", "");
  config.domain = flags.text("domain", "");
  config.environment = flags.text("environment", "production");
  config.preset_key_file = flags.text("preset-key-file", "");
  HOWDAH_TRY(config.rate_limits, parse_rate_limits(flags.text("rate-limit", "")));
  HOWDAH_TRY(const std::int64_t owner, flags.integer("owner-uid", -1, -1, 0xFFFF'FFFE));
  if (owner >= 0) config.owner_uid = static_cast<uid_t>(owner);
  return config;
}

std::string Config::host() const {
  if (!public_host.empty()) return public_host;
  return domain.empty() ? "localhost" : domain;
}

std::vector<std::string> Config::certificate_hosts() const {
  std::vector<std::string> hosts{"localhost", "127.0.0.1", "::1"};
  const auto add = [&hosts](const std::string& host) {
    if (!host.empty() && std::ranges::find(hosts, host) == hosts.end()) hosts.push_back(host);
  };
  add(public_host);
  if (!domain.empty()) {
    add(domain);
    add("*." + domain);  // SNI routing: pr-42--k3v9x2ab.<domain>
  }
  for (const std::string& address : listen) {
    error_code error;
    const auto parsed = asio::ip::make_address(address, error);
    if (!error && !parsed.is_unspecified()) add(address);
  }
  return hosts;
}

bool Config::host_speaks_plain() const {
  if (std::ranges::all_of(listen, net::is_loopback)) return true;
  return (host() == "localhost" || net::is_loopback(host())) &&
         std::ranges::any_of(listen, net::is_loopback);
}

bool Config::has_real_domain() const {
  error_code error;
  (void)asio::ip::make_address(domain, error);
  return error && domain.find('.') != std::string::npos && !domain.ends_with(".localhost");
}

}  // namespace howdah::control
