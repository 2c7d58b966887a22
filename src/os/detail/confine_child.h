// SPDX-License-Identifier: Apache-2.0
// The child's part of a confinement, between fork and exec: plain system calls, no allocation, no
// lock. Each returns whether it worked, with errno set when it did not.
#pragma once
#include "os/confinement.h"

namespace howdah::os::detail {

// As root. The v2 group is not joined here but given to clone3(2), which needs no lock of the whole
// machine (a move into it costs milliseconds).
bool join_groups(const Confinement& confinement);
bool make_namespaces(const Confinement& confinement);
bool change_root(const Confinement& confinement);
// What no program file can give back. Best effort.
void drop_bounding_set();
// Without rights, after PR_SET_NO_NEW_PRIVS.
bool restrict_files(const Confinement& confinement);
// The last step: what it forbids, the steps before need.
bool filter_calls(const Confinement& confinement);

}  // namespace howdah::os::detail
