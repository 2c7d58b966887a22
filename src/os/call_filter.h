// SPDX-License-Identifier: Apache-2.0
// Which system calls a confined program may not make (seccomp(2)): those that a database server
// never makes and that have carried exploits: mounts, namespaces, other processes' memory, kernel
// modules, BPF, keyrings, io_uring, exotic sockets. They fail as if the caller had no right.
#pragma once
#include <linux/filter.h>

namespace howdah::os {

// Of this machine's architecture. nullptr: there is none for it. Made once, lives for ever.
const sock_fprog* call_filter();

}  // namespace howdah::os
