// SPDX-License-Identifier: Apache-2.0
#include "control/contract/static_file.h"

#include <array>
#include <utility>

#include "control/etag.h"
#include "crypto/encode.h"
#include "crypto/hash.h"

namespace howdah::control {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kContentTypes{{
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".svg", "image/svg+xml"},
}};

std::string_view content_type_of(std::string_view name) {
  for (const auto& [ending, type] : kContentTypes) {
    if (name.ends_with(ending)) return type;
  }
  return "text/plain; charset=utf-8";
}

constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'";

}  // namespace

StaticFile make_static_file(const EmbeddedFile& file) {
  return {content_type_of(file.name), file.text,
          '"' + crypto::to_hex(crypto::sha256(file.text)).substr(0, 32) + '"'};
}

Result<http::Response> respond(const StaticFile& file, const http::Request& request) {
  HOWDAH_TRY(const Preconditions preconditions, Preconditions::of(request));
  http::Response response;
  response.headers["Content-Type"] = file.content_type;
  response.body = file.text;
  response = tagged(request, preconditions, file.etag, std::move(response));
  response.headers["Cache-Control"] = "no-cache";
  response.headers["Content-Security-Policy"] = kContentSecurityPolicy;
  response.headers["Cross-Origin-Resource-Policy"] = "same-origin";
  response.headers["Referrer-Policy"] = "no-referrer";
  response.headers["X-Frame-Options"] = "DENY";
  return response;
}

}  // namespace howdah::control
