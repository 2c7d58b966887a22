// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/json.h"
#include "control/contract/contract_routes.h"

namespace howdah::control {
namespace {

TEST(ContractPage, lists_calls_and_escapes_their_words) {
  const std::string page = contract_page(
      {{"paths",
        {{"/api/x", {{"get", {{"summary", "<b> & \"c\""}}}, {"parameters", json::array{}}}}}}});
  EXPECT_NE(page.find("<code>GET</code>"), std::string::npos);
  EXPECT_NE(page.find("&lt;b&gt; &amp; &quot;c&quot;"), std::string::npos);
}

TEST(ContractPage, stands_without_a_contract) {
  EXPECT_NE(contract_page(nullptr).find("Howdah API"), std::string::npos);
}

}  // namespace
}  // namespace howdah::control
