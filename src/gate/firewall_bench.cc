// SPDX-License-Identifier: Apache-2.0
// What a connection's look at the firewall costs, by the number of rules.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <random>

#include "gate/firewall.h"

namespace howdah::gate {
namespace {

// Single addresses and networks, apart from each other, every tenth with an end.
std::vector<RouteRule> make_rules(std::int64_t count) {
  std::vector<RouteRule> rules;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto place = fmt::format("{}.{}.{}", 11 + i / 65'536, i / 256 % 256, i % 256);
    RouteRule rule{place + (i % 2 == 0 ? ".0/25" : ".77/32"), {}};
    if (i % 10 == 0) rule.expires_at = now() + std::chrono::hours{1};
    rules.push_back(std::move(rule));
  }
  return rules;
}

void admits(benchmark::State& state) {
  const Firewall firewall(make_rules(state.range(0)), false);
  std::mt19937 random(1);
  std::vector<ip::address> clients;
  for (int i = 0; i < 4096; ++i) clients.push_back(ip::address_v4(11 << 24 | random() % (1 << 22)));
  const Timestamp at = now();
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(firewall.admits(clients[next++ % clients.size()], at));
  }
}
BENCHMARK(admits)->Arg(0)->Arg(1)->Arg(100)->Arg(10'000);

// From the line on the stream to rules that can be asked. The gate serves nobody meanwhile.
void receive(benchmark::State& state) {
  RouteUpdate update;
  update.upserted.resize(1);
  Route& route = update.upserted.front();
  route.branch_id = BranchId("b");
  route.database_id = DatabaseId("d");
  route.instance_id = InstanceId("i");
  route.slug = "k3v9x2ab";
  route.rules = make_rules(state.range(0));
  const std::string line = boost::json::serialize(to_json(update));
  for (auto _ : state) {
    const auto read = route_update_from_json(boost::json::parse(line));
    benchmark::DoNotOptimize(Firewall(read->upserted.front().rules, false));
  }
}
BENCHMARK(receive)->Arg(1)->Arg(100)->Arg(10'000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace howdah::gate
