// SPDX-License-Identifier: Apache-2.0
// Waiting for the end of a process, without a signal handler and without a thread.
#pragma once
#include "net/task.h"
#include "os/process.h"

namespace howdah::net {

// True: it has ended, reaped or not; false: it still runs after the limit. Any number may wait for
// one process, which must outlive them.
asio::awaitable<bool> process_end(const os::Process& process, milliseconds limit);
asio::awaitable<void> process_end(const os::Process& process);

}  // namespace howdah::net
