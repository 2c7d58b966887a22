// SPDX-License-Identifier: Apache-2.0
#include "instance/detail/directory_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace howdah::instance::detail {

DirectoryWatch::DirectoryWatch(asio::any_io_executor executor, const os::Path& directory)
    : descriptor_(std::move(executor)) {
  os::UniqueFd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!fd || ::inotify_add_watch(fd.get(), directory.c_str(), IN_CREATE | IN_MODIFY) < 0) return;
  error_code error;
  descriptor_.assign(fd.get(), error);
  if (!error) (void)fd.release();
}

asio::awaitable<void> DirectoryWatch::wait(milliseconds limit) {
  using namespace asio::experimental::awaitable_operators;
  if (!descriptor_.is_open()) {
    co_await net::sleep_for(std::min(limit, milliseconds{1}));
    co_return;
  }
  co_await (descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, net::kToken) ||
            net::sleep_for(limit));
  // What changed is not asked: the caller looks at the one file it waits for.
  std::array<char, 4096> events{};
  while (::read(descriptor_.native_handle(), events.data(), events.size()) > 0) {
  }
}

}  // namespace howdah::instance::detail
