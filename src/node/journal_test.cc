// SPDX-License-Identifier: Apache-2.0
#include "node/journal.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace howdah::node {
namespace {

using namespace std::chrono_literals;
using nodeapi::InstanceState;

const InstanceId kA{"i-aaaaaaaaaaaa"};

struct Reading {
  std::optional<nodeapi::JournalPage> page;
};

asio::awaitable<void> read_into(Journal& journal, std::uint64_t sequence, milliseconds wait,
                                Reading& reading) {
  auto page = co_await journal.wait_after(sequence, wait);
  reading.page = std::move(page).value();
}

class JournalTest : public testing::Test {
 protected:
  void start_reading(std::uint64_t sequence, milliseconds wait) {
    asio::co_spawn(io_, read_into(journal_, sequence, wait, reading_), [](std::exception_ptr) {});
    io_.poll();
  }

  asio::io_context io_;
  Journal journal_{io_.get_executor(), "boot-1"};
  Reading reading_;
};

TEST_F(JournalTest, numbers_entries_from_one_and_pages_after_a_sequence) {
  journal_.append(kA, InstanceState::starting, "acquired by gate:1");
  journal_.append(kA, InstanceState::running, "");
  EXPECT_EQ(journal_.after(0).entries.size(), 2U);
  const auto page = journal_.after(1);
  EXPECT_EQ(page.boot_id, "boot-1");
  ASSERT_EQ(page.entries.size(), 1U);
  EXPECT_EQ(page.entries[0].sequence, 2U);
  EXPECT_EQ(page.entries[0].state, InstanceState::running);
  EXPECT_TRUE(journal_.after(2).entries.empty());
}

TEST_F(JournalTest, keeps_the_newest_entries_and_shows_a_gap_to_a_slow_reader) {
  for (std::size_t n = 0; n < Journal::kEntriesMax + 5; ++n) {
    journal_.append(kA, InstanceState::running, "");
  }
  const auto page = journal_.after(0);
  EXPECT_EQ(page.entries.size(), Journal::kPageMax);
  EXPECT_EQ(page.entries.front().sequence, 6U);
  EXPECT_EQ(journal_.after(Journal::kEntriesMax + 4).entries.size(), 1U);
}

TEST_F(JournalTest, a_waiting_reader_is_answered_by_the_next_entry) {
  start_reading(0, 60s);
  EXPECT_FALSE(reading_.page);
  journal_.append(kA, InstanceState::stopped, "idle");
  io_.poll();
  ASSERT_TRUE(reading_.page);
  ASSERT_EQ(reading_.page->entries.size(), 1U);
  EXPECT_EQ(reading_.page->entries[0].reason, "idle");
}

TEST_F(JournalTest, a_waiting_reader_gets_an_empty_page_at_its_deadline) {
  start_reading(0, 10ms);
  io_.restart();
  io_.run_for(1s);
  ASSERT_TRUE(reading_.page);
  EXPECT_TRUE(reading_.page->entries.empty());
}

TEST_F(JournalTest, does_not_wait_for_a_sequence_of_another_boot) {
  start_reading(99, 60s);
  ASSERT_TRUE(reading_.page);
  EXPECT_TRUE(reading_.page->entries.empty());
}

TEST_F(JournalTest, close_answers_waiting_readers_and_later_ones_at_once) {
  start_reading(0, 60s);
  journal_.close();
  io_.poll();
  EXPECT_TRUE(reading_.page);
  reading_.page.reset();
  io_.restart();
  start_reading(0, 60s);
  EXPECT_TRUE(reading_.page);
}

}  // namespace
}  // namespace howdah::node
