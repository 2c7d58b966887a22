// SPDX-License-Identifier: Apache-2.0
// ETags of what the API shows, and what a request demands of them (RFC 9110, 13.1).
//
// An ETag has two parts: "<revision>-<digest of what is shown>". A change that If-Match must not
// lose makes a new revision; what changes by itself (a database falls asleep) makes a new digest
// only. So If-None-Match looks at the whole tag, and If-Match at the revision.
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace howdah::control {

// With the quotes. revision: [a-z0-9]; a counter, or content_revision().
std::string etag_of(std::string_view revision, const boost::json::value& shown);
// For what has no counter: any change of what is shown is a new revision.
std::string content_revision(const boost::json::value& shown);

// If-Match and If-None-Match of one request; a value that may go into a transaction.
class Preconditions {
 public:
  // Errors: invalid_request for a header that is no list of ETags.
  static Result<Preconditions> of(const http::Request& request);

  // If-Match: asked in the transaction that makes the change, on the locked row.
  // Errors: precondition_failed.
  Result<void> check(std::string_view revision) const;
  // If-None-Match of a GET: the caller has just this already.
  bool is_known(std::string_view etag) const;

 private:
  struct Condition {
    bool any = false;  // "*"
    std::vector<std::string> tags;
  };
  static Result<std::optional<Condition>> read(const http::Request& request,
                                               const std::string& header);
  std::optional<Condition> if_match_;
  std::optional<Condition> if_none_match_;
};

// The answer with its ETag; 304 without a body where the caller of a GET has it already.
http::Response tagged(const http::Request& request, const Preconditions& preconditions,
                      std::string etag, http::Response response);

}  // namespace howdah::control
