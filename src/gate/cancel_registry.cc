// SPDX-License-Identifier: Apache-2.0
#include "gate/cancel_registry.h"

#include <cassert>
#include <cstring>
#include <utility>

#include "crypto/hash.h"
#include "crypto/random.h"

namespace howdah::gate {
namespace {

constexpr std::size_t kSecretBytes = 4;

// Positive as a signed 32-bit number: that is how some drivers hold it.
std::uint32_t random_process_id() {
  std::uint32_t number = 0;
  const std::string bytes = crypto::random_bytes(sizeof(number));
  std::memcpy(&number, bytes.data(), sizeof(number));
  return (number & 0x7fffffff) | 1U;
}

}  // namespace

CancelRegistry::Entry::Entry(Entry&& other) noexcept
    : registry_(std::exchange(other.registry_, nullptr)), process_id_(other.process_id_) {}

CancelRegistry::Entry& CancelRegistry::Entry::operator=(Entry&& other) noexcept {
  if (this != &other) {
    if (registry_ != nullptr) registry_->keys_.erase(process_id_);
    registry_ = std::exchange(other.registry_, nullptr);
    process_id_ = other.process_id_;
  }
  return *this;
}

CancelRegistry::Entry::~Entry() {
  if (registry_ != nullptr) registry_->keys_.erase(process_id_);
}

pgwire::BackendKey CancelRegistry::Entry::key() const {
  return {process_id_, registry_->keys_.at(process_id_).secret};
}

const CancelTarget& CancelRegistry::Entry::target() const {
  return registry_->keys_.at(process_id_).target;
}

CancelRegistry::Entry CancelRegistry::add(CancelTarget target) {
  std::uint32_t process_id = random_process_id();
  while (keys_.contains(process_id)) process_id = random_process_id();
  keys_.emplace(process_id, Key{crypto::random_bytes(kSecretBytes), std::move(target)});
  return {this, process_id};
}

const CancelTarget* CancelRegistry::find(const pgwire::CancelRequest& request) const {
  const auto found = keys_.find(request.process_id);
  if (found == keys_.end()) return nullptr;
  if (!crypto::constant_time_equal(found->second.secret, request.secret)) return nullptr;
  return &found->second.target;
}

}  // namespace howdah::gate
