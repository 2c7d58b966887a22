// SPDX-License-Identifier: Apache-2.0
#include "os/ports.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/file.h"

namespace howdah::os {
namespace {

TEST(Ports, a_listening_program_is_named_with_its_pid) {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener.get(), generic, sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(listener.get(), generic, &size), 0);

  const auto program = program_listening_on(ntohs(address.sin_port));
  ASSERT_TRUE(program);
  EXPECT_NE(program->find("(pid " + std::to_string(::getpid()) + ")"), std::string::npos)
      << *program;
}

TEST(Ports, a_bound_port_that_nobody_listens_on_has_no_program) {
  const UniqueFd bound(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(bound.get(), generic, sizeof address), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(bound.get(), generic, &size), 0);
  EXPECT_FALSE(program_listening_on(ntohs(address.sin_port)));
  EXPECT_FALSE(is_listened_on(ntohs(address.sin_port)));
  ASSERT_EQ(::listen(bound.get(), 1), 0);
  EXPECT_TRUE(is_listened_on(ntohs(address.sin_port)));
}

}  // namespace
}  // namespace howdah::os
