// SPDX-License-Identifier: Apache-2.0
// Files that belong to a tenant's user and that the node agent reads as root.
#include "instance/control_file.h"
#include "instance/detail/instance_lock.h"
#include "require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace howdah::instance;
  const std::string_view content = text_of(data, size);
  if (const auto control = parse_control_file(content)) {
    require(control->crc_offset < content.size());
  }
  if (const auto pid_file = detail::parse_pid_file(content)) require(pid_file->pid > 0);
  return 0;
}
