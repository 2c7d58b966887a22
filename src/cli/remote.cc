// SPDX-License-Identifier: Apache-2.0
#include "cli/remote.h"

#include <fmt/format.h>

#include <boost/url.hpp>

namespace howdah::cli {
namespace {

struct Place {
  std::string host;
  std::uint16_t port = 0;
  bool tls = true;
};

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

Result<Place> parse_url(const SettingValue& url) {
  const auto parsed = boost::urls::parse_uri(url.text);
  const auto wrong = [&](std::string_view what) {
    return fail(ErrorCode::config_invalid, fmt::format("{}: {}", url.place, what),
                "such as https://howdah.example.org:3000");
  };
  if (!parsed || parsed->host().empty()) return wrong("'" + url.text + "' is no URL");
  if (parsed->has_userinfo())
    return wrong("a URL with a user name is not used; set HOWDAH_API_KEY");
  const std::string path = parsed->path();
  if (!path.empty() && path != "/" && path != "/api" && path != "/api/") {
    return wrong("only the machine and port belong in it, not '" + path + "'");
  }
  Place place;
  place.host = parsed->host_address();
  place.tls = parsed->scheme() == "https";
  place.port = parsed->has_port() ? parsed->port_number() : place.tls ? 443 : 80;
  if (!place.tls && !is_loopback(place.host)) {
    return wrong("plain http would show the API key to the network; use https");
  }
  return place;
}

}  // namespace

Result<http::Client> connect_remote(const Configuration& config) {
  HOWDAH_TRY(const Place place, parse_url(config.value("api-url")));
  if (config.text("api-key").empty()) {
    return fail(ErrorCode::unauthorized,
                fmt::format("there is no API key for {}", config.text("api-url")),
                "set HOWDAH_API_KEY; one is made on that machine: howdah key create NAME");
  }
  http::TcpAddress address{place.host, place.port, nullptr};
  if (place.tls) {
    std::string ca;
    if (const std::string& file = config.text("ca-file"); !file.empty()) {
      auto read = os::read_file(file, 1_MiB);
      if (!read) {
        return fail(ErrorCode::config_invalid,
                    fmt::format("{}: {}", config.value("ca-file").place, read.error().message));
      }
      ca = std::move(*read);
    }
    auto tls = net::make_tls_client_context(ca, place.host);
    if (!tls) return std::unexpected(std::move(tls).error().within(config.value("ca-file").place));
    address.tls = std::move(*tls);
  }
  http::Client client(std::move(address));
  client.set_header("X-API-Key", config.text("api-key"));
  return client;
}

Result<std::string> remote_host(const Configuration& config) {
  HOWDAH_TRY(Place place, parse_url(config.value("api-url")));
  return std::move(place.host);
}

}  // namespace howdah::cli
