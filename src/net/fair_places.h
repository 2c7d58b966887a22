// SPDX-License-Identifier: Apache-2.0
// Places that whoever comes from outside may take, such as connections that have not proved yet who
// they are. None may have more of them than it leaves free: one party alone gets half of them, two
// a third each, and a party that has none finds a place as long as there is one (the dynamic
// thresholds of shared switch buffers: Choudhury and Hahne, 1998). Pure; one thread.
#pragma once
#include <boost/asio/ip/address.hpp>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace howdah::net {

// Who stands behind an address: one IPv6 client has a whole /64 of them. Not for people to read.
std::string party_of(const boost::asio::ip::address& address);

class FairPlaces {
 public:
  explicit FairPlaces(std::size_t places) : places_(places) {}
  FairPlaces(const FairPlaces&) = delete;
  FairPlaces& operator=(const FairPlaces&) = delete;

  // Given back by its destructor. Must not outlive the FairPlaces.
  class Place {
   public:
    Place(Place&& other) noexcept
        : all_(std::exchange(other.all_, nullptr)), party_(other.party_) {}
    Place& operator=(Place&&) = delete;
    ~Place();

   private:
    friend class FairPlaces;
    using Party = std::map<std::string, std::size_t>::iterator;
    Place(FairPlaces* all, Party party) : all_(all), party_(party) {}

    FairPlaces* all_;
    Party party_;
  };

  // Empty: there is none for this party now.
  std::optional<Place> take(const std::string& party);

  std::size_t taken() const { return taken_; }
  std::size_t taken_by(const std::string& party) const;

 private:
  const std::size_t places_;
  std::size_t taken_ = 0;
  std::map<std::string, std::size_t> parties_;  // those that have any
};

}  // namespace howdah::net
