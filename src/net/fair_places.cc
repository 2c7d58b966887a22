// SPDX-License-Identifier: Apache-2.0
#include "net/fair_places.h"

namespace howdah::net {

std::string party_of(const boost::asio::ip::address& address) {
  if (address.is_v4()) return address.to_string();
  const auto v6 = address.to_v6();
  if (v6.is_v4_mapped()) {
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6).to_string();
  }
  const auto bytes = v6.to_bytes();
  return {reinterpret_cast<const char*>(bytes.data()), 8};
}

FairPlaces::Place::~Place() {
  if (all_ == nullptr) return;
  --all_->taken_;
  if (--party_->second == 0) all_->parties_.erase(party_);
}

std::optional<FairPlaces::Place> FairPlaces::take(const std::string& party) {
  if (taken_by(party) >= places_ - taken_) return std::nullopt;
  ++taken_;
  const auto found = parties_.try_emplace(party, 0).first;
  ++found->second;
  return Place(this, found);
}

std::size_t FairPlaces::taken_by(const std::string& party) const {
  const auto found = parties_.find(party);
  return found == parties_.end() ? 0 : found->second;
}

}  // namespace howdah::net
