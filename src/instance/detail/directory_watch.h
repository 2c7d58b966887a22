// SPDX-License-Identifier: Apache-2.0
// Tells when something changes directly inside a directory (inotify). One thread, one waiter.
#pragma once
#include <boost/asio/posix/stream_descriptor.hpp>

#include "net/task.h"
#include "os/file.h"

namespace howdah::instance::detail {

class DirectoryWatch {
 public:
  // Where the kernel refuses one more watch, wait() is a plain pause.
  DirectoryWatch(asio::any_io_executor executor, const os::Path& directory);

  // Returns at the next change, or after limit. May return early.
  asio::awaitable<void> wait(milliseconds limit);

 private:
  asio::posix::stream_descriptor descriptor_;
};

}  // namespace howdah::instance::detail
