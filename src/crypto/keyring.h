// SPDX-License-Identifier: Apache-2.0
// Sealed values: what the catalog stores of a secret (docs/formats/sealed-value.md).
//
// A ring has one or more 256-bit keys; new values are sealed with the current one, old ones open
// with the key their blob names. A key's id is derived from the key, so a ring cannot hold a key
// under a wrong id. Replacing the master key: add_key(), rewrap every value for which
// needs_rewrap() is true, retire_key(), and remove_key() when no backup needs it any more.
// Pure: whoever owns the ring keeps its file. Const members are thread-safe.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace howdah::crypto {

// Where a sealed value lives. It is bound to the value (AES-GCM associated data), so a value that
// was copied to another row, column or version does not open there.
struct SealPlace {
  std::string table;   // "credentials"
  std::string row;     // primary key as text
  std::string column;  // "sealed_password"
  std::int64_t version = 1;
};

// What may be told of a key.
struct KeyFacts {
  std::string id;
  std::string label;                    // who made it; empty: nobody said
  std::optional<Timestamp> made_at;     // empty: a ring of before rotations, or a recovery key
  std::optional<Timestamp> retired_at;  // since then nothing that lives is sealed with it
  bool current = false;
};

class KeyRing {
 public:
  static constexpr std::size_t kKeysMax = 64;

  static KeyRing create();
  // The other direction of to_json(). Errors: seal_broken.
  static Result<KeyRing> from_json(std::string_view text);
  // From what recovery_key() printed. Errors: invalid_request, naming a typing error as such.
  static Result<KeyRing> from_recovery_key(std::string_view text);

  KeyRing(const KeyRing&) = default;
  KeyRing& operator=(const KeyRing&) = default;
  KeyRing(KeyRing&&) = default;
  KeyRing& operator=(KeyRing&&) = default;
  ~KeyRing();

  // Holds every key in clear: for a file with mode 0600 only.
  std::string to_json() const;

  // -> "v1:<key id>:<base64 of nonce, ciphertext, tag>". Fit for 2^32 values of one key (random
  // 96-bit nonces).
  std::string seal(std::string_view plaintext, const SealPlace& place) const;
  // Errors: seal_broken for whatever is wrong: other place, unknown key, cut or changed blob.
  Result<std::string> open(std::string_view blob, const SealPlace& place) const;
  // Sealed with another key than the current one (or no blob at all).
  bool needs_rewrap(std::string_view blob) const;

  const std::string& current_id() const { return current_; }
  std::vector<std::string> key_ids() const;
  std::vector<KeyFacts> keys() const;  // in the order they were added
  // A fresh key, current from now on; returns its id.
  std::string add_key(std::string label = {}, std::optional<Timestamp> at = {});
  // It stays in the ring, for what was saved elsewhere. Twice is once.
  // Errors: conflict for the current key, not_found.
  Result<void> retire_key(std::string_view id, Timestamp at);
  // Errors: conflict for the current key, not_found.
  Result<void> remove_key(std::string_view id);

  // The current key as text to be written down: "HR1-" and 14 groups of 4 characters of
  // Crockford's base32, a 24-bit checksum at the end. It opens everything that this key sealed.
  std::string recovery_key() const;
  // Adds the key of such a text to the ring without making it current; returns its id.
  // Reads it whatever its case, dashes and spaces; O is 0, I and L are 1.
  Result<std::string> import_recovery_key(std::string_view text);

 private:
  struct Key {
    std::string id;
    std::string secret;
    std::string label = {};
    std::optional<Timestamp> made_at = {};
    std::optional<Timestamp> retired_at = {};
  };

  KeyRing() = default;
  const Key* find(std::string_view id) const;
  // A key that is no longer the current one.
  Result<Key*> find_old(std::string_view id);
  std::string add(Key key);
  std::string add(std::string secret);

  std::vector<Key> keys_;
  std::string current_;
};

}  // namespace howdah::crypto
