// SPDX-License-Identifier: Apache-2.0
#include "control/secrets/rewrap.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "control/secrets/sealed_store.h"
#include "crypto/hash.h"

namespace howdah::control {
namespace {

using sealed_store::Replacement;
using sealed_store::SealedValue;

constexpr std::int64_t kBatch = 200;
constexpr std::size_t kNamesMax = 10;

Replacement seal_again(const Vault& vault, const SealedValue& value, std::string plaintext) {
  Replacement made{value.key, value.blob, vault.seal(plaintext, value.place)};
  crypto::wipe(plaintext);
  return made;
}

std::vector<Replacement> seal_batch(const Vault& vault, const std::vector<SealedValue>& batch,
                                    Rewrapped& done) {
  std::vector<Replacement> replacements;
  replacements.reserve(batch.size());
  for (const SealedValue& value : batch) {
    auto plaintext = vault.unseal(value.blob, value.place);
    if (plaintext) {
      replacements.push_back(seal_again(vault, value, std::move(*plaintext)));
      continue;
    }
    ++done.broken;
    if (done.broken_names.size() < kNamesMax) {
      done.broken_names.push_back(sealed_store::name_of(value));
    }
  }
  return replacements;
}

}  // namespace

Task<Rewrapped> rewrap(pg::Pool& pool, const Vault& vault,
                       std::function<bool(std::int64_t)> go_on) {
  Rewrapped done;
  for (std::size_t source = 0; source < sealed_store::kSources; ++source) {
    sealed_store::Range range{vault.current_id(), {}, kBatch};
    for (bool more = true; more;) {
      HOWDAH_CO_TRY(const std::vector<SealedValue> batch,
                    co_await sealed_store::read_others(pool, source, range));
      more = static_cast<std::int64_t>(batch.size()) == kBatch;
      if (batch.empty()) break;
      range.after = batch.back().key;
      HOWDAH_CO_TRY(const std::int64_t replaced,
                    co_await sealed_store::replace(pool, source, seal_batch(vault, batch, done)));
      done.sealed += replaced;
      if (go_on && !go_on(done.sealed)) co_return done;
    }
  }
  co_return done;
}

std::string describe_broken(const Rewrapped& rewrapped) {
  if (rewrapped.broken == 0) return {};
  const bool all = rewrapped.broken == static_cast<std::int64_t>(rewrapped.broken_names.size());
  return fmt::format("{} sealed value{} cannot be opened: {}{}", rewrapped.broken,
                     rewrapped.broken == 1 ? "" : "s", fmt::join(rewrapped.broken_names, ", "),
                     all ? "" : ", ...");
}

}  // namespace howdah::control
