// SPDX-License-Identifier: Apache-2.0
#include "gate/cancel_registry.h"

#include <utility>

#include "crypto/hash.h"
#include "crypto/random.h"

namespace howdah::gate {
namespace {

constexpr std::size_t kSecretBytes = 4;

}  // namespace

CancelRegistry::Entry::Entry(Entry&& other) noexcept
    : registry_(std::exchange(other.registry_, nullptr)), place_(other.place_) {}

CancelRegistry::Entry& CancelRegistry::Entry::operator=(Entry&& other) noexcept {
  if (this != &other) {
    end();
    registry_ = std::exchange(other.registry_, nullptr);
    place_ = other.place_;
  }
  return *this;
}

CancelRegistry::Entry::~Entry() {
  end();
}

void CancelRegistry::Entry::end() {
  if (registry_ != nullptr) registry_->keys_.erase(place_);
  registry_ = nullptr;
}

pgwire::BackendKey CancelRegistry::Entry::key() const {
  return {place_->first, place_->second.secret};
}

CancelRegistry::Entry CancelRegistry::add(CancelTarget target) {
  const std::uint32_t process_id = target.server_key.process_id;
  std::string secret = crypto::random_bytes(kSecretBytes);
  while (find({process_id, secret}) != nullptr) secret = crypto::random_bytes(kSecretBytes);
  return {this, keys_.emplace(process_id, Key{std::move(secret), std::move(target)})};
}

const CancelTarget* CancelRegistry::find(const pgwire::CancelRequest& request) const {
  const CancelTarget* target = nullptr;
  const auto [begin, end] = keys_.equal_range(request.process_id);
  for (auto at = begin; at != end; ++at) {
    if (crypto::constant_time_equal(at->second.secret, request.secret)) target = &at->second.target;
  }
  return target;
}

}  // namespace howdah::gate
