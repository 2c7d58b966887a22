// SPDX-License-Identifier: Apache-2.0
#include "net/process_end.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace howdah::net {
namespace {

using Descriptor = asio::posix::stream_descriptor;
using std::chrono::steady_clock;

constexpr milliseconds kCheckInterval{100};  // where no descriptor is to be had

// A copy for each waiter, since Asio allows a descriptor only one owner. Asio leaves it to close()
// to take a descriptor out of the epoll set; but that set holds the file, which lives on in the
// other copies: its events would go to whoever got Asio's record next. So it is taken out first.
class Watch {
 public:
  Watch(const asio::any_io_executor& executor, int pidfd) : descriptor_(executor) {
    error_code ignored;
    const int copy = ::fcntl(pidfd, F_DUPFD_CLOEXEC, 0);
    if (copy >= 0) descriptor_.assign(copy, ignored);
    if (copy >= 0 && ignored) ::close(copy);
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    if (descriptor_.is_open()) ::close(descriptor_.release());
  }
  Descriptor& descriptor() { return descriptor_; }

 private:
  Descriptor descriptor_;
};

}  // namespace

asio::awaitable<bool> process_end(const os::Process& process, milliseconds limit) {
  using namespace asio::experimental::awaitable_operators;
  const auto give_up = steady_clock::now() + limit;
  while (process.running()) {
    const auto left = std::chrono::ceil<milliseconds>(give_up - steady_clock::now());
    if (left <= milliseconds{0}) co_return false;
    Watch watch(co_await asio::this_coro::executor, process.pidfd());
    if (watch.descriptor().is_open()) {
      co_await (watch.descriptor().async_wait(Descriptor::wait_read, kToken) || sleep_for(left));
    } else {
      co_await sleep_for(std::min(left, kCheckInterval));
    }
  }
  co_return true;
}

asio::awaitable<void> process_end(const os::Process& process) {
  constexpr std::chrono::hours kLong{24};
  while (!co_await process_end(process, kLong)) {
  }
}

}  // namespace howdah::net
