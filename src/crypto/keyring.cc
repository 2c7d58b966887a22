// SPDX-License-Identifier: Apache-2.0
#include "crypto/keyring.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <optional>

#include "base/json.h"
#include "crypto/detail/openssl.h"
#include "crypto/encode.h"
#include "crypto/hash.h"
#include "crypto/random.h"

namespace howdah::crypto {
namespace {

using detail::bytes_of;
using detail::require;

constexpr std::size_t kKeySize = 32;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;
constexpr std::size_t kPlaintextSizeMax = 1 << 30;
constexpr std::string_view kBlobPrefix = "v1:";

std::unexpected<Error> broken(std::string why) {
  return fail(ErrorCode::seal_broken, "a sealed value cannot be opened", {}, std::move(why));
}

std::unexpected<Error> bad_ring(std::string why) {
  return fail(ErrorCode::seal_broken, "the key ring is damaged: " + why,
              "restore the file from a copy, or import the recovery key");
}

std::string id_of(std::string_view secret) {
  return to_hex(hmac_sha256(secret, "howdah key id")).substr(0, 12);
}

// Each part with its size in front: no two places have the same bytes.
std::string associated_data(std::string_view key_id, const SealPlace& place) {
  std::string data = "howdah-seal-v1";
  for (const std::string_view part :
       {key_id, std::string_view(place.table), std::string_view(place.row),
        std::string_view(place.column)}) {
    data += fmt::format("|{}:", part.size());
    data += part;
  }
  return data + fmt::format("|{}", place.version);
}

std::string encrypt(std::string_view key, std::string_view plaintext, std::string_view bound) {
  std::string out = random_bytes(kNonceSize);
  out.resize(kNonceSize + plaintext.size() + kTagSize);
  unsigned char* nonce = bytes_of(out);
  unsigned char* text = nonce + kNonceSize;
  detail::CipherPtr cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  require(cipher != nullptr && EVP_EncryptInit_ex2(cipher.get(), EVP_aes_256_gcm(), bytes_of(key),
                                                   nonce, nullptr) == 1,
          "start encryption");
  require(EVP_EncryptUpdate(cipher.get(), nullptr, &size, bytes_of(bound),
                            static_cast<int>(bound.size())) == 1 &&
              EVP_EncryptUpdate(cipher.get(), text, &size, bytes_of(plaintext),
                                static_cast<int>(plaintext.size())) == 1 &&
              EVP_EncryptFinal_ex(cipher.get(), text + size, &size) == 1 &&
              EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize,
                                  text + plaintext.size()) == 1,
          "encrypt");
  return out;
}

// Empty: key, bound data or bytes are not those of the encryption.
std::optional<std::string> decrypt(std::string_view key, std::string sealed,
                                   std::string_view bound) {
  if (sealed.size() < kNonceSize + kTagSize) return std::nullopt;
  const std::size_t text_size = sealed.size() - kNonceSize - kTagSize;
  std::string plaintext(text_size, '\0');
  unsigned char* nonce = bytes_of(sealed);
  detail::CipherPtr cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  require(cipher != nullptr && EVP_DecryptInit_ex2(cipher.get(), EVP_aes_256_gcm(), bytes_of(key),
                                                   nonce, nullptr) == 1,
          "start decryption");
  const bool opened = EVP_DecryptUpdate(cipher.get(), nullptr, &size, bytes_of(bound),
                                        static_cast<int>(bound.size())) == 1 &&
                      EVP_DecryptUpdate(cipher.get(), bytes_of(plaintext), &size,
                                        nonce + kNonceSize, static_cast<int>(text_size)) == 1 &&
                      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize,
                                          nonce + kNonceSize + text_size) == 1 &&
                      EVP_DecryptFinal_ex(cipher.get(), bytes_of(plaintext) + size, &size) == 1;
  if (opened) return plaintext;
  ERR_clear_error();
  wipe(plaintext);
  return std::nullopt;
}

std::optional<Timestamp> time_of(const json::object& key, std::string_view name) {
  const json::value* value = key.if_contains(name);
  return value != nullptr && value->is_string() ? parse_rfc3339(value->get_string()) : std::nullopt;
}

// The key id and the base64 part; empty: not of the form of a blob.
std::optional<std::pair<std::string_view, std::string_view>> split_blob(std::string_view blob) {
  if (!blob.starts_with(kBlobPrefix)) return std::nullopt;
  blob.remove_prefix(kBlobPrefix.size());
  const std::size_t colon = blob.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return std::pair(blob.substr(0, colon), blob.substr(colon + 1));
}

}  // namespace

KeyRing::~KeyRing() {
  for (Key& key : keys_) wipe(key.secret);
}

KeyRing KeyRing::create() {
  KeyRing ring;
  ring.add_key();
  return ring;
}

Result<KeyRing> KeyRing::from_json(std::string_view text) {
  auto parsed = parse_json(text);
  if (!parsed) return bad_ring("not JSON");
  const auto* object = parsed->if_object();
  const auto* format = object == nullptr ? nullptr : object->if_contains("format");
  if (format == nullptr || !format->is_int64() || format->get_int64() != 1) {
    return bad_ring("it has no format 1");
  }
  const auto* current = object->if_contains("current");
  const auto* keys = object->if_contains("keys");
  if (current == nullptr || !current->is_string() || keys == nullptr || !keys->is_array() ||
      keys->get_array().size() > kKeysMax) {
    return bad_ring("the fields current and keys are missing or wrong");
  }
  KeyRing ring;
  ring.current_ = current->get_string();
  for (const json::value& entry : keys->get_array()) {
    const auto* key = entry.if_object();
    const auto* id = key == nullptr ? nullptr : key->if_contains("id");
    const auto* secret = key == nullptr ? nullptr : key->if_contains("secret");
    if (id == nullptr || !id->is_string() || secret == nullptr || !secret->is_string()) {
      return bad_ring("a key without id or secret");
    }
    auto bytes = from_base64(secret->get_string());
    const std::string_view name = id->get_string();
    if (!bytes || bytes->size() != kKeySize || id_of(*bytes) != name) {
      return bad_ring(fmt::format("key {} is not whole", name));
    }
    const auto* label = key->if_contains("label");
    ring.add(Key{std::string(name), std::move(*bytes),
                 label != nullptr && label->is_string() ? std::string(label->get_string()) : "",
                 time_of(*key, "made_at"), time_of(*key, "retired_at")});
  }
  if (ring.find(ring.current_) == nullptr) return bad_ring("the current key is missing");
  return ring;
}

std::string KeyRing::to_json() const {
  json::array keys;
  for (const Key& key : keys_) {
    json::object entry{{"id", key.id}, {"secret", to_base64(key.secret)}};
    if (!key.label.empty()) entry["label"] = key.label;
    if (key.made_at) entry["made_at"] = to_rfc3339(*key.made_at);
    if (key.retired_at) entry["retired_at"] = to_rfc3339(*key.retired_at);
    keys.push_back(std::move(entry));
  }
  return json::serialize(
             json::object{{"format", 1}, {"current", current_}, {"keys", std::move(keys)}}) +
         "\n";
}

const KeyRing::Key* KeyRing::find(std::string_view id) const {
  const auto found = std::ranges::find(keys_, id, &Key::id);
  return found == keys_.end() ? nullptr : &*found;
}

Result<KeyRing::Key*> KeyRing::find_old(std::string_view id) {
  const auto found = std::ranges::find(keys_, id, &Key::id);
  if (found == keys_.end()) return fail(ErrorCode::not_found, "the ring has no such key");
  if (id == current_) return fail(ErrorCode::conflict, "this is the current key");
  return &*found;
}

std::string KeyRing::add(Key key) {
  std::string id = key.id;
  if (find(id) == nullptr) keys_.push_back(std::move(key));
  return id;
}

std::string KeyRing::add(std::string secret) {
  std::string id = id_of(secret);
  return add(Key{.id = std::move(id), .secret = std::move(secret)});
}

std::string KeyRing::add_key(std::string label, std::optional<Timestamp> at) {
  std::string secret = random_bytes(kKeySize);
  std::string id = id_of(secret);
  current_ = add(Key{std::move(id), std::move(secret), std::move(label), at, {}});
  return current_;
}

Result<void> KeyRing::retire_key(std::string_view id, Timestamp at) {
  HOWDAH_TRY(Key* const key, find_old(id));
  if (!key->retired_at) key->retired_at = at;
  return {};
}

Result<void> KeyRing::remove_key(std::string_view id) {
  HOWDAH_TRY(Key* const key, find_old(id));
  wipe(key->secret);
  keys_.erase(keys_.begin() + (key - keys_.data()));
  return {};
}

std::vector<std::string> KeyRing::key_ids() const {
  std::vector<std::string> ids;
  for (const Key& key : keys_) ids.push_back(key.id);
  return ids;
}

std::vector<KeyFacts> KeyRing::keys() const {
  std::vector<KeyFacts> facts;
  for (const Key& key : keys_) {
    facts.push_back({key.id, key.label, key.made_at, key.retired_at, key.id == current_});
  }
  return facts;
}

std::string KeyRing::seal(std::string_view plaintext, const SealPlace& place) const {
  assert(plaintext.size() <= kPlaintextSizeMax);
  const Key* key = find(current_);
  assert(key != nullptr);
  return fmt::format("{}{}:{}", kBlobPrefix, key->id,
                     to_base64(encrypt(key->secret, plaintext, associated_data(key->id, place))));
}

Result<std::string> KeyRing::open(std::string_view blob, const SealPlace& place) const {
  const auto parts = split_blob(blob);
  if (!parts) return broken("not of the form v1:key:data");
  const Key* key = find(parts->first);
  if (key == nullptr) return broken("the ring lacks the key it was sealed with");
  auto sealed = from_base64(parts->second);
  if (!sealed || sealed->size() > kPlaintextSizeMax) return broken("its data is not base64");
  auto plaintext = decrypt(key->secret, std::move(*sealed), associated_data(key->id, place));
  if (!plaintext) {
    return broken(fmt::format("changed, or moved to {}.{} version {}", place.table, place.column,
                              place.version));
  }
  return std::move(*plaintext);
}

bool KeyRing::needs_rewrap(std::string_view blob) const {
  const auto parts = split_blob(blob);
  return !parts || parts->first != current_;
}

}  // namespace howdah::crypto
