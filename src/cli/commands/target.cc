// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/target.h"

namespace howdah::cli {

Target parse_target(const Context& context, const std::string& text) {
  if (text.empty()) return {"", context.config().text("branch")};
  const std::size_t dot = text.find('.');
  return {text.substr(0, dot), dot == std::string::npos ? "" : text.substr(dot + 1)};
}

Result<boost::json::object> reveal(Context& context, const Target& target,
                                   const std::string& ca_file) {
  HOWDAH_TRY(const auto database, context.find_database(target.database));
  const std::string id(database.at("id").as_string());
  http::Query query;
  if (!target.branch.empty()) query.emplace_back("branch", target.branch);
  if (!ca_file.empty()) query.emplace_back("caFile", ca_file);
  HOWDAH_TRY(const auto answer,
             context.call(http::Method::post, "/api/databases/" + id + "/connection-strings/reveal",
                          nullptr, query));
  return answer.at("data").as_object();
}

Result<std::string> ca_certificate(Context& context) {
  http::Request request;
  request.path = "/ca.crt";
  HOWDAH_TRY(http::Response response, context.fetch(std::move(request)));
  if (response.status >= 300) return std::unexpected(http::error_of_response(response));
  return std::move(response.body);
}

}  // namespace howdah::cli
