// SPDX-License-Identifier: Apache-2.0
#include "instance/control_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "instance/detail/tenant_file.h"

namespace howdah::instance {
namespace {

static_assert(std::endian::native == std::endian::little, "offsets are those of little endian");

// ControlFileData begins: system_identifier, pg_control_version, catalog_version_no, state.
constexpr std::size_t kFormatOffset = 8;
constexpr std::size_t kStateOffset = 16;
constexpr std::uint32_t kStateShutDown = 1;  // DB_SHUTDOWNED
constexpr std::uint32_t kFormatMin = 1300;   // of 13
constexpr std::uint32_t kFormatMax = 1899;   // of 18
// The structure's end differs between majors (288 to 304 bytes); PostgreSQL keeps it below 512, so
// that a write of it is atomic, and fills the file with zeros.
constexpr std::size_t kCrcOffsetMin = 64;
constexpr std::size_t kCrcOffsetMax = 508;
constexpr std::size_t kFileSizeMax = 64 << 10;

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t index = 0; index < 256; ++index) {
    std::uint32_t value = index;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) ? 0x82F63B78U : 0);
    table[index] = value;
  }
  return table;
}
constexpr auto kTable = make_table();

// The running value, before the final inversion.
std::uint32_t crc_step(std::uint32_t crc, std::string_view bytes) {
  for (const char byte : bytes) {
    crc = kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xFF] ^ (crc >> 8);
  }
  return crc;
}

std::uint32_t read_u32(std::string_view content, std::size_t offset) {
  std::uint32_t value = 0;
  std::memcpy(&value, content.data() + offset, sizeof value);
  return value;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  return ~crc_step(~0U, bytes);
}

Result<ControlFile> parse_control_file(std::string_view content) {
  if (content.size() < kCrcOffsetMax + 4) {
    return fail(ErrorCode::io_error, "pg_control is too short");
  }
  ControlFile file;
  std::memcpy(&file.system_identifier, content.data(), sizeof file.system_identifier);
  file.format = read_u32(content, kFormatOffset);
  if (file.format < kFormatMin || file.format > kFormatMax) {
    return fail(ErrorCode::io_error, "pg_control has an unknown format");
  }
  file.shut_down = read_u32(content, kStateOffset) == kStateShutDown;
  // Where the CRC stands depends on the major, so look for the only place where it fits.
  std::uint32_t crc = crc_step(~0U, content.substr(0, kCrcOffsetMin));
  for (std::size_t offset = kCrcOffsetMin; offset <= kCrcOffsetMax; offset += 4) {
    const std::string_view rest = content.substr(offset + 4);
    if (~crc == read_u32(content, offset) &&
        std::all_of(rest.begin(), rest.end(), [](char byte) { return byte == 0; })) {
      file.crc_offset = offset;
      return file;
    }
    crc = crc_step(crc, content.substr(offset, 4));
  }
  return fail(ErrorCode::io_error, "pg_control is damaged: its checksum does not fit");
}

Result<ControlFile> read_control_file(const os::Path& data_directory) {
  HOWDAH_TRY(const std::string content,
             detail::read_tenant_file(data_directory, "global/pg_control", kFileSizeMax));
  return parse_control_file(content);
}

}  // namespace howdah::instance
