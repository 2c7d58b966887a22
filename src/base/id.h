// SPDX-License-Identifier: Apache-2.0
// Strong ids: a BranchId cannot be passed where a DatabaseId is wanted.
#pragma once
#include <compare>
#include <functional>
#include <string>
#include <utility>

namespace howdah {

template <typename Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string value) : value_(std::move(value)) {}
  const std::string& str() const { return value_; }
  bool empty() const { return value_.empty(); }
  auto operator<=>(const Id&) const = default;

 private:
  std::string value_;
};

using DatabaseId = Id<struct DatabaseTag>;    // UUID
using BranchId = Id<struct BranchTag>;        // UUID
using InstanceId = Id<struct InstanceTag>;    // [a-z0-9-]{1,40}: also the name of its directory
using OperationId = Id<struct OperationTag>;  // UUID
using OrganisationId = Id<struct OrganisationTag>;  // UUID
using NodeId = Id<struct NodeTag>;                  // UUID
using GateId = Id<struct GateTag>;                  // random, new at each start of a gate

}  // namespace howdah

template <typename Tag>
struct std::hash<howdah::Id<Tag>> {
  std::size_t operator()(const howdah::Id<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.str());
  }
};
