// SPDX-License-Identifier: Apache-2.0
#include "control/secrets/vault.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <mutex>

#include "crypto/hash.h"

namespace howdah::control {
namespace {

Result<void> write_ring(const os::Path& path, const crypto::KeyRing& ring) {
  std::string content = ring.to_json();
  auto written = os::write_file_atomic(path, content, 0600);
  crypto::wipe(content);
  return written;
}

}  // namespace

struct Vault::State {
  State(os::Path path_, crypto::KeyRing ring_)
      : path(std::move(path_)), ring(std::make_shared<const crypto::KeyRing>(std::move(ring_))) {}

  const os::Path path;
  std::mutex writing;  // one change at a time, file included
  std::mutex reading;  // of the pointer alone
  std::shared_ptr<const crypto::KeyRing> ring;
};

Vault::Vault(os::Path path, crypto::KeyRing ring, bool created)
    : state_(std::make_shared<State>(std::move(path), std::move(ring))), created_(created) {}

Result<Vault> Vault::open(const os::Path& secrets_folder) {
  const os::Path path = secrets_folder / "keyring.json";
  auto text = os::read_file(path, 1_MiB);
  if (text) {
    auto ring = crypto::KeyRing::from_json(*text);
    crypto::wipe(*text);
    if (!ring) {
      Error error = std::move(ring).error().within("read " + path.string());
      error.hint = "put back a copy of it, or restore it: howdah secrets restore";
      return std::unexpected(std::move(error));
    }
    return Vault(path, std::move(*ring), false);
  }
  if (text.error().code != ErrorCode::not_found) return std::unexpected(std::move(text).error());
  crypto::KeyRing ring = crypto::KeyRing::create();
  const auto written = write_ring(path, ring);
  if (!written) return std::unexpected(Error(written.error()).within("make the key ring"));
  return Vault(path, std::move(ring), true);
}

std::shared_ptr<const crypto::KeyRing> Vault::ring() const {
  const std::lock_guard reading(state_->reading);
  return state_->ring;
}

Result<void> Vault::change(const std::function<Result<void>(crypto::KeyRing&)>& body) {
  const std::lock_guard writing(state_->writing);
  auto next = std::make_shared<crypto::KeyRing>(*ring());
  HOWDAH_CHECK(body(*next));
  const auto written = write_ring(state_->path, *next);
  if (!written) return std::unexpected(Error(written.error()).within("write the key ring"));
  const std::lock_guard reading(state_->reading);
  state_->ring = std::move(next);
  return {};
}

Result<std::string> Vault::add_key(const std::string& label, Timestamp at) {
  std::string id;
  HOWDAH_CHECK(change([&](crypto::KeyRing& ring) -> Result<void> {
    const auto keys = ring.keys();
    const auto known = std::ranges::find(keys, label, &crypto::KeyFacts::label);
    if (known == keys.end() && keys.size() >= crypto::KeyRing::kKeysMax) {
      return fail(ErrorCode::limit_reached,
                  fmt::format("the key ring holds {} keys already", keys.size()),
                  "retired keys go when the last dump of the catalog that needs them is gone; "
                  "howdah secrets status shows them");
    }
    id = known == keys.end() ? ring.add_key(label, at) : known->id;
    return {};
  }));
  return id;
}

Result<void> Vault::retire_keys(const std::vector<std::string>& ids, Timestamp at) {
  if (ids.empty()) return {};
  return change([&](crypto::KeyRing& ring) -> Result<void> {
    for (const std::string& id : ids) HOWDAH_CHECK(ring.retire_key(id, at));
    return {};
  });
}

Result<void> Vault::remove_keys(const std::vector<std::string>& ids) {
  if (ids.empty()) return {};
  return change([&](crypto::KeyRing& ring) -> Result<void> {
    for (const std::string& id : ids) HOWDAH_CHECK(ring.remove_key(id));
    return {};
  });
}

}  // namespace howdah::control
