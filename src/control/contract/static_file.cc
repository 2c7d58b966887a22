// SPDX-License-Identifier: Apache-2.0
#include "control/contract/static_file.h"

#include <array>
#include <utility>

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

// Source: RFC 9110 section 13.1.2, weak comparison. Our tags hold no comma, so a list may be cut at
// them: what is left of a foreign tag that holds one equals none of ours.
bool names_etag(std::string_view header, std::string_view etag) {
  while (!header.empty()) {
    const std::size_t comma = header.find(',');
    std::string_view tag = header.substr(0, comma);
    header.remove_prefix(comma == std::string_view::npos ? header.size() : comma + 1);
    while (tag.starts_with(' ') || tag.starts_with('\t')) tag.remove_prefix(1);
    while (tag.ends_with(' ') || tag.ends_with('\t')) tag.remove_suffix(1);
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    if (tag == etag || tag == "*") return true;
  }
  return false;
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

http::Response respond(const StaticFile& file, const http::Request& request) {
  http::Response response;
  response.headers["ETag"] = file.etag;
  response.headers["Cache-Control"] = "no-cache";
  response.headers["Content-Security-Policy"] = kContentSecurityPolicy;
  response.headers["Cross-Origin-Resource-Policy"] = "same-origin";
  response.headers["Referrer-Policy"] = "no-referrer";
  response.headers["X-Content-Type-Options"] = "nosniff";
  response.headers["X-Frame-Options"] = "DENY";
  const auto known = request.headers.find("If-None-Match");
  if (known != request.headers.end() && names_etag(known->second, file.etag)) {
    response.status = 304;
    return response;
  }
  response.headers["Content-Type"] = file.content_type;
  response.body = file.text;
  return response;
}

}  // namespace howdah::control
