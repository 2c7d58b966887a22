// SPDX-License-Identifier: Apache-2.0
#include "control/audit/chain.h"

#include <gtest/gtest.h>

#include "base/test_format_page.h"

namespace howdah::control {
namespace {

const std::string kKey(32, 'k');

AuditRow example() {
  AuditRow row;
  row.position = 1;
  row.at = parse_rfc3339("2026-01-02T03:04:05.678Z").value();
  row.organisation_id = kDefaultOrganisation;
  row.actor = "key:k3v9x2ab";
  row.action = "database.create";
  row.subject = "database:0b5ad3f2-3d3e-4c0e-9a5c-0f3f7c1d2e4b";
  row.database_id = "0b5ad3f2-3d3e-4c0e-9a5c-0f3f7c1d2e4b";
  row.remote_address = "192.0.2.7";
  row.request_id = "r-1";
  row.details = R"({"friendly_name":"shop"})";
  row.prev_hash = std::string(64, '0');
  row.hash = chain_hash(kKey, row);
  return row;
}

std::vector<AuditRow> chain_of(int size) {
  std::vector<AuditRow> rows;
  for (int i = 0; i < size; ++i) {
    AuditRow row = example();
    row.position = i + 1;
    if (!rows.empty()) row.prev_hash = rows.back().hash;
    row.hash = chain_hash(kKey, row);
    rows.push_back(row);
  }
  return rows;
}

bool whole(const std::vector<AuditRow>& rows) {
  ChainCheck check(kKey);
  for (const AuditRow& row : rows) {
    if (!check.feed(row).empty()) return false;
  }
  return true;
}

TEST(AuditChain, holds_when_nothing_was_touched) {
  EXPECT_TRUE(whole(chain_of(5)));
}

TEST(AuditChain, breaks_when_any_field_is_edited) {
  using Edit = void (*)(AuditRow&);
  for (const Edit edit : std::initializer_list<Edit>{
           [](AuditRow& row) { row.at += milliseconds{1}; },
           [](AuditRow& row) { row.organisation_id = OrganisationId("x"); },
           [](AuditRow& row) { row.actor = "local:root"; },
           [](AuditRow& row) { row.action = "database.show"; },
           [](AuditRow& row) { row.subject = ""; }, [](AuditRow& row) { row.database_id = ""; },
           [](AuditRow& row) { row.remote_address = ""; },
           [](AuditRow& row) { row.request_id = "r-2"; }, [](AuditRow& row) { row.details = "{}"; },
           [](AuditRow& row) { row.hash[0] = row.hash[0] == 'a' ? 'b' : 'a'; },
           [](AuditRow& row) { row.prev_hash[0] = row.prev_hash[0] == 'a' ? 'b' : 'a'; }}) {
    std::vector<AuditRow> rows = chain_of(3);
    edit(rows[1]);
    EXPECT_FALSE(whole(rows));
  }
}

TEST(AuditChain, breaks_when_rows_are_removed_or_swapped) {
  std::vector<AuditRow> removed = chain_of(4);
  removed.erase(removed.begin() + 1);
  EXPECT_FALSE(whole(removed));
  std::vector<AuditRow> swapped = chain_of(4);
  std::swap(swapped[1], swapped[2]);
  EXPECT_FALSE(whole(swapped));
}

TEST(AuditChain, tells_each_fault_once_and_goes_on_behind_it) {
  std::vector<AuditRow> rows = chain_of(12);
  rows[2].actor = "nobody";
  rows[8].prev_hash[0] = rows[8].prev_hash[0] == 'a' ? 'b' : 'a';
  rows.erase(rows.begin() + 4, rows.begin() + 6);
  ChainCheck check(kKey);
  std::vector<std::string> problems;
  for (const AuditRow& row : rows) {
    for (const AuditFinding& finding : check.feed(row)) problems.push_back(finding.problem);
  }
  EXPECT_EQ(problems,
            (std::vector<std::string>{"row 3 was changed", "rows 5 to 6 are missing",
                                      "row 9 does not follow row 8", "row 9 was changed"}));
  EXPECT_EQ(check.position(), 12);
}

// Without the key a forger can compute nothing: a plain SHA-256 chain would pass here.
TEST(AuditChain, cannot_be_made_anew_without_the_key) {
  std::vector<AuditRow> forged = chain_of(3);
  forged[1].details = "{}";
  for (std::size_t i = 1; i < forged.size(); ++i) {
    forged[i].prev_hash = forged[i - 1].hash;
    forged[i].hash = chain_hash(std::string(32, 'x'), forged[i]);
  }
  EXPECT_FALSE(whole(forged));
}

TEST(AuditChain, moving_text_from_one_field_to_the_next_changes_the_hash) {
  AuditRow one = example(), two = example();
  one.actor = "a";
  one.action = "bc";
  two.actor = "ab";
  two.action = "c";
  EXPECT_NE(canonical_text(one), canonical_text(two));
}

// The worked example of docs/formats/audit-chain.md is what this code does.
TEST(AuditChain, is_documented) {
  const std::string page = format_page("audit-chain");
  EXPECT_NE(page.find(canonical_text(example())), std::string::npos) << canonical_text(example());
  EXPECT_NE(page.find(example().hash), std::string::npos) << example().hash;
}

}  // namespace
}  // namespace howdah::control
