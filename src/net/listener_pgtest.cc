// SPDX-License-Identifier: Apache-2.0
#include "net/listener.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

namespace howdah::net {
namespace {

TEST(Listener, a_port_that_is_taken_is_named_with_the_option_that_changes_it) {
  asio::io_context io;
  const auto first = listen_tcp(io.get_executor(), "127.0.0.1", 0, "--http-port");
  ASSERT_TRUE(first);
  const auto port = first->local_endpoint().port();
  const auto second = listen_tcp(io.get_executor(), "127.0.0.1", port, "--http-port");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::port_in_use);
  EXPECT_NE(second.error().message.find(std::to_string(port)), std::string::npos);
  EXPECT_NE(second.error().hint.find("--http-port"), std::string::npos);
}

TEST(Listener, what_is_no_address_is_refused) {
  asio::io_context io;
  const auto wrong = listen_tcp(io.get_executor(), "localhost", 0, "--listen");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::config_invalid);
}

}  // namespace
}  // namespace howdah::net
